import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface ReceivedMail {
  to: string;
  messageId: string;
  /** Headers and text, as sent. */
  data: string;
}

/** A mail server that keeps what it gets. */
export interface SmtpSink {
  url: string;
  mails: ReceivedMail[];
  /** Refuses the next mails at their end, with a temporary error. */
  refuse(count: number): void;
  /** Goes on and on about the next mails, line by line, and never comes to an end. */
  ramble(count: number): void;
  /** Lets those that connect wait for its greeting. */
  hold(): void;
  /** How many wait. */
  held(): number;
  /** Greets whoever connects from now on; with `held`, also those that wait. */
  release(which: { held: boolean }): void;
  close(): Promise<void>;
}

/** Speaks as much SMTP as a client needs to hand a mail over. */
export async function startSmtpSink(): Promise<SmtpSink> {
  const mails: ReceivedMail[] = [];
  const sockets = new Set<Socket>();
  let toRefuse = 0;
  let toRamble = 0;
  let isHolding = false;
  const waiting = new Set<() => void>();

  function take(to: string, data: string): string {
    if (toRefuse > 0) {
      toRefuse -= 1;
      return '451 Come back later';
    }
    const messageId = /^message-id: (.*)$/im.exec(data)?.[1] ?? '';
    mails.push({ to, messageId, data });
    return '250 Taken';
  }

  function talk(socket: Socket): void {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    let buffer = '';
    let to = '';
    let isData = false;
    const say = (line: string) => void socket.write(`${line}\r\n`);
    const greet = () => say('220 sink');
    if (isHolding) waiting.add(greet);
    else greet();
    socket.on('data', (chunk) => {
      buffer += String(chunk);
      for (;;) {
        const end = buffer.indexOf(isData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const text = buffer.slice(0, end);
        buffer = buffer.slice(end + (isData ? 5 : 2));
        if (isData) {
          isData = false;
          if (toRamble > 0) {
            toRamble -= 1;
            const timer = setInterval(() => say('250-Still thinking'), 50);
            socket.on('close', () => clearInterval(timer));
          } else say(take(to, text));
          continue;
        }
        to = /^RCPT TO:<(.*?)>/i.exec(text)?.[1] ?? to;
        isData = /^DATA/i.test(text);
        say(isData ? '354 Go on' : '250 sink');
      }
    });
  }

  const server = createServer(talk);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mails,
    refuse: (count) => {
      toRefuse = count;
    },
    ramble: (count) => {
      toRamble = count;
    },
    hold: () => {
      isHolding = true;
    },
    held: () => waiting.size,
    release({ held }) {
      isHolding = false;
      if (!held) return;
      for (const greet of waiting) greet();
      waiting.clear();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
