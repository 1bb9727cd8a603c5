import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** A file for the browser. `path` carries the content's hash, so it may be cached for ever. */
export interface Asset {
  path: string;
  type: string;
  content: string;
}

export interface Assets {
  css: Asset;
  js: Asset;
}

let loading: Promise<Assets> | null = null;

/** The style sheet and the client, read once per process. */
export function loadAssets(): Promise<Assets> {
  loading ??= readAssets().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function readAssets(): Promise<Assets> {
  const css = await readFile(new URL('./styles.css', import.meta.url), 'utf8');
  return {
    css: asset('styles.css', 'text/css; charset=utf-8', css),
    js: asset('client.js', 'text/javascript; charset=utf-8', await readClient()),
  };
}

/** The parts of the client, one script for the browser. */
const CLIENT = ['client', 'moment'];

/**
 * The client as JavaScript. The build has compiled it; when the source runs through tsx, esbuild, which tsx
 * is made of, takes the types off here, in a few milliseconds.
 */
async function readClient(): Promise<string> {
  const isCompiled = !import.meta.url.endsWith('.ts');
  const parts = await Promise.all(
    CLIENT.map((name) => {
      const file = `./client/${name}.${isCompiled ? 'js' : 'ts'}`;
      return readFile(new URL(file, import.meta.url), 'utf8');
    }),
  );
  const source = parts.join('\n');
  if (isCompiled) return source;
  const { transform } = await import('esbuild');
  const { code } = await transform(source, { loader: 'ts', target: 'es2022', minify: true });
  return code;
}

function asset(name: string, type: string, content: string): Asset {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
  return { path: `/admin/assets/${hash}/${name}`, type, content };
}
