// What somebody may do. The server decides; pages only do not offer what it would refuse.

import type { Me } from '../api/client';

export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface Rights {
  /** May change lines and zones, record, pause. */
  operate: boolean;
  /** May add and remove cameras, manage users, see logs and configuration. */
  manage: boolean;
  /** Sees all cameras, and so what is about all of them. */
  everything: boolean;
}

export function rightsOf({ role, cameras }: Pick<Me, 'role' | 'cameras'>): Rights {
  const rank = (ROLES as readonly string[]).indexOf(role);
  return { operate: rank >= 1, manage: rank >= 2, everything: cameras === null || cameras === undefined };
}
