import { AppError } from './errors.ts';

export interface ByteLimits {
  /** Bytes of bodies that have not arrived in full, of all senders. */
  total: number;
  /** The same, of one address. */
  perAddress: number;
}

/** A body that is arriving. */
export interface ArrivingBody {
  /** Counts bytes that were received. */
  add: (bytes: number) => void;
  /** It is whole, or is not read any more. */
  end: () => void;
}

export interface BytesUnderWay {
  /** `cut` is called at most once, when others need the room. */
  begin: (address: string | undefined, cut: (error: AppError) => void) => ArrivingBody;
  bytes: () => number;
}

interface Entry {
  address: string;
  bytes: number;
  cut: (error: AppError) => void;
}

/**
 * Bounds the memory of bodies whose senders are not known yet. Where there is no room, the body that has been arriving for
 * longest is given up, first of the same address: an honest one is whole within milliseconds, so it is never that one, not even
 * behind a proxy that gives all senders one address.
 */
export function createBytesUnderWay({ total, perAddress }: ByteLimits): BytesUnderWay {
  /** In the order in which they began. */
  const entries = new Set<Entry>();
  const byAddress = new Map<string, number>();
  const all = { bytes: 0 };

  function count(entry: Entry, bytes: number): void {
    entry.bytes += bytes;
    all.bytes += bytes;
    const left = (byAddress.get(entry.address) ?? 0) + bytes;
    if (left === 0) byAddress.delete(entry.address);
    else byAddress.set(entry.address, left);
  }
  function end(entry: Entry): void {
    if (!entries.delete(entry)) return;
    count(entry, -entry.bytes);
  }
  function cutOldest(isMeant: (entry: Entry) => boolean): void {
    for (const entry of entries) {
      if (entry.bytes === 0 || !isMeant(entry)) continue;
      end(entry);
      entry.cut(
        new AppError('overloaded', 'The body took too long while others needed the room.', {
          headers: { 'retry-after': '2', connection: 'close' },
        }),
      );
      return;
    }
  }

  return {
    begin(address, cut) {
      const entry = { address: address ?? 'unknown', bytes: 0, cut };
      entries.add(entry);
      return {
        add(bytes) {
          if (!entries.has(entry)) return;
          count(entry, bytes);
          while ((byAddress.get(entry.address) ?? 0) > perAddress)
            cutOldest((other) => other.address === entry.address);
          while (all.bytes > total) cutOldest(() => true);
        },
        end: () => end(entry),
      };
    },
    bytes: () => all.bytes,
  };
}

/** The memory is the process's, whatever runs in it. */
export const bytesUnderWay = createBytesUnderWay({
  total: 64 * 1_048_576,
  perAddress: 16 * 1_048_576,
});
