import type { RequestLog } from '../kernel/request-log.ts';
import { typeMatches } from '../kernel/events.ts';

/** The filters of `stripe logs tail`, which the server applies; absent ones let everything through. */
type Filters = Record<string, readonly string[]>;

const TESTS: Record<string, (entry: RequestLog, value: string) => boolean> = {
  filter_http_method: (entry, value) => entry.method === value.toUpperCase(),
  filter_ip_address: (entry, value) => entry.ip === value,
  filter_request_path: (entry, value) => typeMatches(value, entry.path),
  filter_request_status: (entry, value) =>
    (entry.status < 400 ? 'SUCCEEDED' : 'FAILED') === value.toUpperCase(),
  filter_source: (_entry, value) => value.toUpperCase() === 'API',
  filter_status_code: (entry, value) => String(entry.status) === value,
  filter_status_code_type: (entry, value) => String(entry.status)[0] === value[0],
};

/** Reads the JSON text of the filters; anything unreadable filters nothing. */
export function parseFilters(text: string): Filters {
  const filters: Filters = {};
  const value = parsed(text);
  if (typeof value !== 'object' || value === null) return filters;
  for (const [name, values] of Object.entries(value)) {
    if (Array.isArray(values) && values.length > 0) filters[name] = values.map(String);
  }
  return filters;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** True when `logs tail` with these filters shows the call. */
export function passes(filters: Filters, entry: RequestLog): boolean {
  return Object.entries(filters).every(([name, values]) => {
    const test = TESTS[name];
    return test === undefined || values.some((value) => test(entry, value));
  });
}

/** The body of a `request_log_event`. */
export function logPayload(entry: RequestLog): string {
  return JSON.stringify({
    created_at: entry.created,
    livemode: false,
    method: entry.method,
    status: entry.status,
    url: entry.path,
    request_id: entry.id,
    error:
      entry.error === null
        ? null
        : {
            type: entry.error.type,
            code: entry.error.code ?? '',
            decline_code: entry.error.decline_code ?? '',
            message: entry.error.message,
            param: entry.error.param ?? '',
          },
  });
}
