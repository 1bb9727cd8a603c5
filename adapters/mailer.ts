export interface Mail {
  to: string;
  subject: string;
  text: string;
  html: string;
  /** Where answers go; null is to the sender. */
  replyTo: string | null;
  /** The same for every attempt at one mail, so that receivers can tell a repetition. */
  messageId: string;
}

export interface Mailer {
  /** Resolves once the SMTP server took the mail; throws what it said otherwise. `signal` cuts the connection. */
  send(mail: Mail, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * A server that does not answer is given up well before another process may try the same mail (60 s), in ms.
 * Nodemailer itself would wait for ten minutes.
 */
const TIMEOUTS = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 15_000 };

/** Sends mail, as text and as HTML, over `smtp://` or `smtps://`. */
export function createMailer(options: { smtpUrl: string; from: string }): Mailer {
  // Loaded with the first mail: it takes 50 ms and 15 MB, and most processes start without sending any.
  let loading: ReturnType<typeof openTransport> | null = null;
  const transport = () => (loading ??= openTransport(options));
  return {
    async send(mail, signal) {
      await (
        await transport()
      ).sendMail({
        ...mail,
        replyTo: mail.replyTo ?? undefined,
        signal,
        // No answer of another machine ("I am on holiday") to a machine.
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
    },
    close: () => void loading?.then((opened) => opened.close()),
  };
}

async function openTransport({ smtpUrl, from }: { smtpUrl: string; from: string }) {
  const { createTransport } = await import('nodemailer');
  return createTransport({ url: smtpUrl, ...TIMEOUTS }, { from });
}
