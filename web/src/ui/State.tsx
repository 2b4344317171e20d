// A camera's or connection's state as a coloured word; never by colour alone.

import { Badge, type BadgeProps } from '@mantine/core';
import { useTexts } from '../i18n';

// Dark enough for white letters.
const [GREEN, BLUE, YELLOW, ORANGE, RED] = ['#1f7a34', '#1864ab', '#8a5600', '#b03d08', '#c02626'];

const COLORS: Record<string, string> = {
  online: GREEN, recording: RED, ok: GREEN, streaming: GREEN,
  ready: GREEN, connecting: BLUE, pulling: BLUE, waiting: BLUE, stalled: YELLOW, offline: ORANGE, failed: RED, invalid: RED,
};

export function State({ state, ...props }: { state: string } & BadgeProps) {
  const { word } = useTexts();
  return (
    <Badge color={COLORS[state] ?? '#565e66'} variant="filled" size="sm" tt="none" {...props}>
      {word('state', state)}
    </Badge>
  );
}
