import { z } from 'zod';

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** What our own API refused, in its words: pages ask it over the same routes as everyone else. */
export class ApiRefusal extends Error {
  override name = 'ApiRefusal';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The body of an answer; throws ApiRefusal for whatever is not a success. */
export async function answerOf(response: Response): Promise<unknown> {
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const known = failure.safeParse(answer);
  const { code, message } = known.success
    ? known.data.error
    : { code: 'unknown', message: 'The API answered with an error.' };
  throw new ApiRefusal(response.status, code, message);
}
