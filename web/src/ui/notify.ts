// Short words about what was done, or why it was not.

import { notifications } from '@mantine/notifications';
import { ApiError } from '../api/client';

export function done(message: string): void {
  notifications.show({ message, color: 'teal', autoClose: 3000 });
}

export function failed(title: string, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  const hint = error instanceof ApiError && error.hint ? ` — ${error.hint}` : '';
  notifications.show({ title, message: `${reason}${hint}`, color: 'red', autoClose: 10_000 });
}
