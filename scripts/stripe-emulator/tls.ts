import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NAMES = [
  'DNS:api.stripe.com',
  'DNS:files.stripe.com',
  'DNS:meter-events.stripe.com',
  'DNS:checkout.stripe.com',
  'DNS:billing.stripe.com',
  'DNS:localhost',
  'IP:127.0.0.1',
];
const DAYS = '825';

/**
 * Key and certificate for Stripe's hosts and localhost, signed by a CA of this directory's own (`ca.pem`, which callers
 * have to trust). They are made with `openssl` when they are not there; throws with its words when that fails.
 */
export function certificateIn(dir: string): { key: string; cert: string } {
  const file = (name: string) => join(dir, name);
  if (!existsSync(file('cert.pem'))) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(file('names.cnf'), `subjectAltName=${NAMES.join(',')}\n`);
    const newKey = ['-newkey', 'rsa:2048', '-nodes', '-sha256'];
    const ca = ['-subj', '/CN=Local Stripe emulator', '-days', DAYS];
    openssl('req', '-x509', ...newKey, ...ca, '-keyout', file('ca.key'), '-out', file('ca.pem'));
    const subject = ['-subj', '/CN=api.stripe.com'];
    openssl('req', ...newKey, ...subject, '-keyout', file('key.pem'), '-out', file('request.pem'));
    const signedBy = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial'];
    const named = ['-extfile', file('names.cnf'), '-days', DAYS, '-sha256'];
    const files = ['-in', file('request.pem'), '-out', file('cert.pem')];
    openssl('x509', '-req', ...files, ...signedBy, ...named);
  }
  return {
    key: readFileSync(file('key.pem'), 'utf8'),
    cert: readFileSync(file('cert.pem'), 'utf8'),
  };
}

function openssl(...args: string[]): void {
  const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (error) throw new Error(`TLS needs the program openssl: ${error.message}`);
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr.trim()}`);
}
