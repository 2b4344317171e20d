// What is said about a new password before it is sent. The server knows more, and says it.

export const SHORTEST = 10;

export function passwordFault(value: string, again: string): 'short' | 'differs' | undefined {
  // Letters as people count them, as the server does.
  if (Array.from(value).length < SHORTEST) return 'short';
  return value === again ? undefined : 'differs';
}
