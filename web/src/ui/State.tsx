// A camera's or connection's state as a coloured word; never by colour alone.

import { Badge, type BadgeProps } from '@mantine/core';
import { useTexts } from '../i18n';

const COLORS: Record<string, string> = {
  online: 'green', recording: 'red', ok: 'green', streaming: 'green',
  connecting: 'blue', waiting: 'blue', stalled: 'yellow', offline: 'orange', failed: 'red',
};

export function State({ state, ...props }: { state: string } & BadgeProps) {
  const { word } = useTexts();
  return (
    <Badge color={COLORS[state] ?? 'gray'} variant="filled" size="sm" tt="none" {...props}>
      {word('state', state)}
    </Badge>
  );
}
