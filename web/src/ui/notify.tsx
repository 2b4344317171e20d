// Short words about what was done, or why it was not.

import { notifications } from '@mantine/notifications';
import { useReason } from './reason';

export function done(message: string): void {
  notifications.show({ message, color: 'teal', autoClose: 3000 });
}

function Reason({ error }: { error: unknown }) {
  return useReason()(error);
}

export function failed(title: string, error: unknown): void {
  notifications.show({ title, message: <Reason error={error} />, color: 'red', autoClose: 10_000 });
}
