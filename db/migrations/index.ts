import { initial } from './0001-initial.ts';
import { dashboard } from './0002-dashboard.ts';
import { quotes } from './0003-quotes.ts';
import { usage } from './0004-usage.ts';
import { planMigrations } from './0005-plan-migrations.ts';
import { outboxLanes } from './0006-outbox-lanes.ts';
import { eventsBySubject } from './0007-events-by-subject.ts';
import { ownership } from './0008-ownership.ts';
import { keyHolders } from './0010-key-holders.ts';
import { history } from './0011-history.ts';
import { returns } from './0013-returns.ts';
import { customerDetails } from './0014-customer-details.ts';
import { beforeCancel } from './0016-before-cancel.ts';
import { lineRevenue } from './0017-line-revenue.ts';
import { operatorsPages } from './0019-operators-pages.ts';
import { auditSource } from './0020-audit-source.ts';
import { grants } from './0022-grants.ts';
import { purchases } from './0023-purchases.ts';
import { planTerms } from './0024-plan-terms.ts';
import { accountNotes } from './0028-account-notes.ts';
import { customerLocale } from './0031-customer-locale.ts';
import { leaving } from './0032-leaving.ts';
import { meterAggregation } from './0033-meter-aggregation.ts';
import { prepaidCredit } from './0034-prepaid-credit.ts';
import { receivers } from './0035-receivers.ts';
import type { Migration } from './migration.ts';

export type { Migration };

/** In order. A list, not a directory scan: `.ts` and `.js` must not both run. Never edit a released one. */
export const migrations: readonly Migration[] = [
  initial,
  dashboard,
  quotes,
  usage,
  planMigrations,
  outboxLanes,
  eventsBySubject,
  ownership,
  keyHolders,
  history,
  returns,
  customerDetails,
  beforeCancel,
  lineRevenue,
  operatorsPages,
  auditSource,
  grants,
  purchases,
  planTerms,
  accountNotes,
  customerLocale,
  leaving,
  meterAggregation,
  prepaidCredit,
  receivers,
];
