// Links that look like other things. Made here once, so that addresses are checked by the compiler
// everywhere.

import { Anchor, Button, Menu, type AnchorProps, type ButtonProps, type MenuItemProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ReactNode, Ref } from 'react';

interface Own {
  children?: ReactNode;
  ref?: Ref<HTMLAnchorElement>;
}

export const LinkButton = createLink((props: Omit<ButtonProps, 'href'> & Own) => <Button component="a" {...props} />);
export const LinkAnchor = createLink((props: Omit<AnchorProps, 'href'> & Own) => <Anchor {...props} />);
export const LinkMenuItem = createLink((props: Omit<MenuItemProps, 'href'> & Own) => <Menu.Item component="a" {...props} />);
