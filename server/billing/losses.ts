import { z } from 'zod';
import type { Loss } from '../../state/losses.ts';

export const lossSchema = z.object({
  kind: z.enum(['access', 'unused_time', 'trial', 'pending_change', 'promotion_code', 'debt']),
  at: z.iso.datetime().nullable(),
  message: z.string(),
});

/** Losses as the API shows them. */
export function lossViews(losses: readonly Loss[]) {
  return losses.map(({ kind, at, message }) => ({
    kind,
    at: at === null ? null : new Date(at).toISOString(),
    message,
  }));
}
