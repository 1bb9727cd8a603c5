import { html, type Html } from '../pages/html.ts';
import { htmlDocument } from '../pages/document.ts';
import { sampleOf, schemaView, typeWords, type Samples, type Schema } from './schema-view.ts';

interface Answer {
  description: string;
  content?: Record<string, { schema?: Schema }>;
}

interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  security: Record<string, unknown>[];
  parameters?: {
    name: string;
    in: string;
    required: boolean;
    description?: string;
    schema: Schema;
  }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, Answer>;
}

/** What the page needs of an OpenAPI document. */
export interface ApiDocument {
  info: { title: string; version: string; description: string };
  paths: Record<string, Record<string, Operation>>;
}

interface Entry {
  method: string;
  path: string;
  operation: Operation;
}

/** Groups in the order in which one meets them; a path belongs to the first that it begins with. */
const GROUPS: [title: string, ...prefixes: string[]][] = [
  ['Subscription', '/api/billing/subscription', '/api/billing/checkout', '/api/billing/plans'],
  ['Usage and access', '/api/billing/usage', '/api/billing/access'],
  ['Billing', '/api/billing'],
  ['Webhooks', '/api/webhooks'],
  ['Administration', '/admin'],
  ['Operation', '/'],
];

export interface DocsPage {
  origin: string;
  assets: { css: string; js: string };
  /** Values that this server knows, for the examples. */
  samples: Samples;
  /** What is searched for; empty for everything. */
  search: string;
}

/** The API as a page: rendered from the document alone, nothing from elsewhere, readable without scripts. */
export function docsPage(document: ApiDocument, page: DocsPage): string {
  const groups = grouped(document, page.search);
  const found = groups.reduce((sum, { entries }) => sum + entries.length, 0);
  return htmlDocument({
    title: 'API',
    theme: null,
    assets: page.assets,
    body: html`<header class="top">
        <a class="brand" href="/docs"><span>${document.info.title} API</span></a>
        <span class="muted">${document.info.version}</span>
        <div class="top-right"><a href="/openapi.json">OpenAPI document</a></div>
      </header>
      <div class="docs">
        <nav class="docs-nav" aria-label="Operations">
          <form role="search" action="/docs">
            <label class="field"
              ><span>Path, field or words</span
              ><input type="search" name="q" value="${page.search}" maxlength="200"
            /></label>
          </form>
          ${groups.map(
            ({ title, entries }) =>
              html`<h2>${title}</h2>
                <ul>
                  ${entries.map(
                    ({ method, path, operation }) =>
                      html`<li>
                        <a href="#${operation.operationId}"
                          ><span class="verb">${method}</span> <span>${shortPath(path)}</span></a
                        >
                      </li>`,
                  )}
                </ul>`,
          )}
        </nav>
        <main id="content" tabindex="-1">
          ${page.search === '' ? introduction(page.origin) : foundLine(found, page.search)}
          ${groups.map(
            ({ title, entries }) =>
              html`<h2 class="docs-group">${title}</h2>
                ${entries.map((entry) => operationView(entry, page))}`,
          )}
        </main>
      </div>`,
  });
}

function foundLine(found: number, search: string): Html {
  return html`<section class="panel" aria-labelledby="about">
    <div class="panel-head">
      <h1 id="about">
        ${found === 0 ? 'No operation' : found === 1 ? '1 operation' : `${found} operations`} for
        “${search}”
      </h1>
      <a class="push" href="/docs">All operations</a>
    </div>
  </section>`;
}

/** Whether all words are somewhere in the operation: its path, its text or the names of its fields. */
function matches(entry: Entry, search: string): boolean {
  const text = JSON.stringify(entry).toLowerCase();
  const words = search.toLowerCase().split(/\s+/);
  return words.every((word) => text.includes(word));
}

function grouped(document: ApiDocument, search: string): { title: string; entries: Entry[] }[] {
  const everything = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
  const all = everything.filter((entry) => matches(entry, search));
  const groupOf = (path: string) =>
    GROUPS.find(([, ...prefixes]) => prefixes.some((prefix) => path.startsWith(prefix)))?.[0];
  return GROUPS.map(([title]) => ({
    title,
    entries: all.filter(({ path }) => groupOf(path) === title),
  })).filter(({ entries }) => entries.length > 0);
}

function introduction(origin: string): Html {
  return html`<section class="panel" aria-labelledby="about">
    <div class="panel-head"><h1 id="about">The HTTP API</h1></div>
    <div class="panel-body docs-text">
      <p>
        JSON in and out at <code>${origin}</code>. Amounts are whole numbers in minor units with
        their currency, times are ISO 8601. Unknown fields are refused.
      </p>
      <p>
        <strong>Who asks:</strong> <code>Authorization: Bearer …</code> with a JWT whose
        <code>sub</code> is the user, or with the admin token where it says <em>admin</em>.
      </p>
      <p>
        <strong>Trying again:</strong> an <code>Idempotency-Key</code> on a POST makes a retry
        return the first answer. 429 and 503 say in <code>Retry-After</code> when to come again.
      </p>
      <p>
        <strong>Errors:</strong>
        <code>{"error": {"code": "not_allowed", "message": "…", "requestId": "…"}}</code>; a command
        that the state does not allow also tells the <code>state</code> and the allowed
        <code>actions</code>.
      </p>
      <p>
        <strong>Examples:</strong> run as they stand once <code>TOKEN</code> or
        <code>ADMIN_TOKEN</code>, and the ids of the path, are set in the shell.
      </p>
    </div>
  </section>`;
}

const AUTH: Record<string, string> = {
  user: 'user',
  admin: 'admin',
  stripeSignature: 'signed by Stripe',
};

function operationView({ method, path, operation }: Entry, page: DocsPage): Html {
  const [scheme] = operation.security.flatMap((each) => Object.keys(each));
  const body = operation.requestBody?.content['application/json']?.schema;
  const success = Object.entries(operation.responses).filter(([status]) => status < '400');
  const errors = Object.entries(operation.responses).filter(([status]) => status >= '400');
  return html`<section
    class="panel"
    id="${operation.operationId}"
    aria-labelledby="${operation.operationId}-method ${operation.operationId}-title"
  >
    <div class="panel-head">
      <span
        class="chip ${method === 'GET' ? 'tone-motion' : 'tone-healthy'}"
        id="${operation.operationId}-method"
        >${method}</span
      >
      <h3 class="docs-path" id="${operation.operationId}-title"><code>${path}</code></h3>
      <span class="push chip tone-ended">${scheme ? AUTH[scheme] : 'public'}</span>
    </div>
    <div class="panel-body docs-text">
      <p><strong>${operation.summary}</strong></p>
      ${operation.description && html`<p>${withCode(operation.description)}</p>`}
      ${parametersView(operation.parameters ?? [])}
      ${
        body &&
        html`<h4>Body</h4>
          ${schemaView(body)}`
      }
      ${success.map(([status, answer]) => answerView(status, answer))}
      <details>
        <summary>Errors</summary>
        <dl class="facts docs-errors">
          ${errors.map(
            ([status, { description }]) =>
              html`<dt>${status}</dt>
                <dd>${withCode(description)}</dd>`,
          )}
        </dl>
      </details>
      <pre class="payload" tabindex="0" aria-label="Example">
${exampleOf({ method, path, operation }, page)}</pre>
    </div>
  </section>`;
}

function parametersView(parameters: NonNullable<Operation['parameters']>): Html | null {
  if (parameters.length === 0) return null;
  return html`<h4>Parameters</h4>
    <ul class="fields">
      ${parameters.map(
        ({ name, in: place, required, schema, description }) =>
          html`<li>
            <code>${name}</code>
            <span class="muted">${place}, ${typeWords(schema)}${required ? '' : ', optional'}</span>
            ${description && html`<span>${description}</span>`}
          </li>`,
      )}
    </ul>`;
}

function answerView(status: string, { content }: Answer): Html {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  return html`<h4>Answer ${status}</h4>
    ${media?.schema ? schemaView(media.schema) : html`<p class="muted">${type ?? 'no body'}</p>`}`;
}

/** A call that runs as it is printed, with a token and ids from variables of the shell. */
function exampleOf({ method, path, operation }: Entry, { origin, samples }: DocsPage): string {
  const { requestBody, security, parameters = [] } = operation;
  const [scheme] = security.flatMap((each) => Object.keys(each));
  const token = scheme === 'admin' ? '$ADMIN_TOKEN' : '$TOKEN';
  const schema = requestBody?.content['application/json']?.schema;
  const query = parameters
    .filter((parameter) => parameter.in === 'query' && parameter.required)
    .map(({ name, schema: own }) => `${name}=${String(samples[name] ?? sampleOf(own, samples))}`);
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `$${name.toUpperCase()}`);
  const url = `${origin}${place}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  const quoted = /[$&?]/.test(url) ? `"${url}"` : url;
  return [
    `curl ${method === 'GET' ? '' : `-X ${method} `}${quoted}`,
    scheme === 'user' || scheme === 'admin' ? `-H "Authorization: Bearer ${token}"` : '',
    schema && scheme !== 'stripeSignature'
      ? `-H 'Content-Type: application/json' -d '${JSON.stringify(sampleOf(schema, samples))}'`
      : '',
  ]
    .filter((part) => part !== '')
    .join(' \\\n  ');
}

/** Text with `code` between back-ticks. */
function withCode(text: string): Html[] {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

/** Without what the paths of most operations begin with; still different for each. */
function shortPath(path: string): string {
  return path.replace(/^\/api\/billing/, '').replace(/^\/admin\/api/, '/admin');
}
