import { html, safeUrl, type Html } from '../../../http/pages/html.ts';
import {
  accountPath,
  type ActForm,
  type ActTarget,
  type Field,
  type Shown,
  type Values,
} from '../act-forms/act-form.ts';
import { adminPage, hidden, type Frame } from '../page.ts';
import { facts } from './parts.ts';

interface ActView {
  act: ActForm;
  target: ActTarget;
  values: Values;
}

/** The form of an act; with what was refused, if something was. */
export function actFormPage(
  frame: Frame,
  view: ActView & { error: string | null; retry?: string | null },
): string {
  const { act, target, values, error, retry = null } = view;
  return actPage(
    frame,
    view,
    html`${error !== null && html`<p class="error-text" role="alert">${error}</p>`}
    ${
      retry === null
        ? html`<form class="stack" method="post" action="${pathOf(view)}">
            ${hidden(frame)} ${act.fields(target).map((field) => fieldOf(field, values))}
            <span class="inline"
              ><button class="primary" type="submit">Show what it does</button>${back(target)}</span
            >
          </form>`
        : html`<p>It is not known whether it was done. Sent again, it is done once.</p>
            ${doForm(frame, view, { key: retry, button: 'Try again' })}`
    }`,
  );
}

/** What an act would do, and the button that does it. */
export function confirmActPage(
  frame: Frame,
  view: ActView & { shown: Shown; key: string },
): string {
  const { shown, key, act } = view;
  return actPage(
    frame,
    view,
    html`<p class="total">${shown.total}</p>
      ${shown.lines && facts(shown.lines)} ${shown.effects?.map((effect) => html`<p>${effect}</p>`)}
      ${doForm(frame, view, { key, button: act.button })}`,
  );
}

/** An address to be handed on to the customer. */
export function actResultPage(
  frame: Frame,
  view: Omit<ActView, 'values'> & { link: string },
): string {
  const { link, target, act } = view;
  const href = safeUrl(link);
  return actPage(
    frame,
    view,
    html`<p role="status">${act.done}</p>
      <p>For the customer:</p>
      <p>
        ${href === null ? link : html`<a class="wrap" rel="noreferrer" href="${href}">${href}</a>`}
      </p>
      <p><a class="button" href="${accountPath(target.accountId)}">Back to the account</a></p>`,
  );
}

function actPage(frame: Frame, { act, target }: Omit<ActView, 'values'>, body: Html): string {
  return adminPage(frame, {
    title: act.title,
    section: 'accounts',
    content: html`<section class="panel narrow" aria-labelledby="act-title">
      <div class="panel-head">
        <h1 id="act-title">${act.title}</h1>
        <span class="muted wrap">${target.accountId}</span>
      </div>
      <div class="panel-body stack">${body}</div>
    </section>`,
  });
}

function doForm(
  frame: Frame,
  view: ActView,
  { key, button }: { key: string; button: string },
): Html {
  return html`<form class="inline" method="post" action="${pathOf(view)}">
    ${hidden(frame)}
    ${Object.entries({ ...view.values, step: 'do', key }).map(
      ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
    )}
    <button class="primary" type="submit">${button}</button>${back(view.target)}
  </form>`;
}

const pathOf = ({ act, target }: ActView): string =>
  accountPath(target.accountId, `/acts/${act.name}`);

const back = ({ accountId }: ActTarget): Html =>
  html`<a class="button" href="${accountPath(accountId)}">Back</a>`;

function fieldOf(field: Field, values: Values): Html {
  const { name, label, type = 'text', options, hint } = field;
  const value = values[name] ?? field.value ?? '';
  if (type === 'hidden') return html`<input type="hidden" name="${name}" value="${value}" />`;
  const needed = field.required === true && html` required`;
  if (type === 'checkbox') {
    return html`<label class="inline"
      ><input type="checkbox" name="${name}" value="1" ${value !== '' && html` checked`} />
      ${label}</label
    >`;
  }
  const id = `field-${name}`;
  const named = html`id="${id}"
  name="${name}"${hint !== undefined && html` aria-describedby="hint-${name}"`}`;
  const control = options
    ? html`<select ${named}>
        ${options.map(([key, words]) => html`<option value="${key}" ${key === value && html` selected`}>${words}</option>`)}
      </select>`
    : type === 'textarea'
      ? html`<textarea ${named} rows="4" maxlength="4000" ${needed}>${value}</textarea>`
      : html`<input type="${type}" ${named} value="${value}" ${needed} />`;
  return html`<div class="field">
    <label for="${id}">${label}</label>
    ${control}${hint !== undefined && html`<span id="hint-${name}">${hint}</span>`}
  </div>`;
}
