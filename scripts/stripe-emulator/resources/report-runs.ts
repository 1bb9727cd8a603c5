import type Stripe from 'stripe';
import { listStored } from '../kernel/lists.ts';
import { p, PAGE } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

/** Report runs: they succeed shortly after they were asked for, without a file. */
export function registerReportRuns(registry: Registry): void {
  const parameters = p.obj({
    columns: p.arr(p.str),
    connected_account: p.str,
    currency: p.str,
    interval_end: p.timestamp,
    interval_start: p.timestamp,
    payout: p.str,
    reporting_category: p.str,
    timezone: p.str,
  });
  registry.post(
    '/v1/reporting/report_runs',
    { report_type: p.required(p.str), parameters },
    (ctx, params): Stripe.Reporting.ReportRun => {
      const now = ctx.now();
      const run = ctx.add('reporting.report_run', {
        id: ctx.store.newId('reporting.report_run'),
        object: 'reporting.report_run',
        created: now,
        error: null,
        livemode: false,
        parameters: params.parameters ?? {},
        report_type: params.report_type,
        result: null,
        status: 'pending',
        succeeded_at: null,
      });
      ctx.schedule(now + 1, null, { job: 'reporting.succeed', ref: run.id });
      return run;
    },
  );
  registry.get('/v1/reporting/report_runs', PAGE, (ctx, page) =>
    listStored(ctx, 'reporting.report_run', { url: '/v1/reporting/report_runs', page }),
  );
  registry.get('/v1/reporting/report_runs/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('reporting.report_run', id),
  );
  registry.job('reporting.succeed', (ctx, id) => {
    const run = ctx.store.find('reporting.report_run', id);
    if (run === undefined || run.status !== 'pending') return;
    run.status = 'succeeded';
    run.succeeded_at = ctx.now();
    ctx.emit('reporting.report_run.succeeded', run);
  });
}
