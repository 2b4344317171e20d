// The head of each page: its title, which is also the window's, and what can be done there.

import { Group, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';

export function PageHead({ title, children }: { title: string; children?: ReactNode }) {
  useDocumentTitle(`${title} · Omma`);
  return (
    <Group justify="space-between" mb="md" gap="sm">
      <Title order={1}>{title}</Title>
      {children && <Group gap="xs">{children}</Group>}
    </Group>
  );
}
