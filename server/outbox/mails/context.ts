import type { CustomerRow } from '../../../db/customers.ts';
import type { Catalogue } from '../../../state/catalogue.ts';
import type { Config } from '../../config/config.ts';
import { localeOf } from './format.ts';
import { loadMailTemplates, type MailTemplates } from './overrides.ts';
import type { MailContext } from './render.ts';
import type { MailKind } from '../../../state/effect-kinds.ts';

// Read once: a process has one folder.
const loaded = new Map<string, MailTemplates>();

function templatesOf({ mail: { templates } }: Config): MailTemplates {
  if (templates === null) return new Map();
  const known = loaded.get(templates) ?? loadMailTemplates(templates);
  loaded.set(templates, known);
  return known;
}

interface Parts {
  config: Config;
  catalogue: Catalogue;
}

/** What a mail is made from beside its payload: the settings, and the language of its reader. */
export function contextOf(
  { config, catalogue }: Parts,
  planId: string | null | undefined,
  customer: Pick<CustomerRow, 'locale'> | null,
): Omit<MailContext<MailKind>, 'payload'> {
  return {
    planName: catalogue.plans.find((each) => each.id === planId)?.name ?? null,
    accountUrl: `${config.http.appUrl}/billing`,
    locale: localeOf(customer?.locale ?? null, config.mail.locale),
    shop: config.shop,
    templates: templatesOf(config),
  };
}
