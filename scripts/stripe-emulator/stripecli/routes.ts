import { API_VERSION } from '../kernel/account.ts';
import { p } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { sealGrant, cliSecret } from './identity.ts';
import type { CliHub } from './hub.ts';

const session = {
  device_name: p.harmless,
  websocket_features: p.required(p.arr(p.str)),
  forward_to_url: p.str,
  forward_connect_to_url: p.str,
  forward_thin_to_url: p.str,
  forward_thin_connect_to_url: p.str,
  filters: p.str,
};

/** Where the CLI's websocket lives on this server. */
export const WEBSOCKET_PATH = '/stripecli/websocket';
const EIGHT_HOURS = 8 * 3600;

/** `POST /v1/stripecli/sessions`: what `stripe listen` and `stripe logs tail` call first. */
export function registerCliSessions(registry: Registry, hub: CliHub): void {
  registry.post('/v1/stripecli/sessions', session, (ctx, params) => {
    const grant = {
      apiKey: ctx.account.key,
      features: params.websocket_features,
      forwardsSnapshot:
        params.forward_to_url !== undefined || params.forward_connect_to_url !== undefined,
      forwardsThin:
        params.forward_thin_to_url !== undefined ||
        params.forward_thin_connect_to_url !== undefined,
      filters: params.filters ?? '{}',
    };
    const id = sealGrant(grant);
    hub.open(id, grant);
    return {
      object: 'stripecli_session',
      websocket_url: ctx.baseUrl.replace(/^http/, 'ws') + WEBSOCKET_PATH,
      websocket_id: id,
      websocket_authorized_feature: params.websocket_features[0] ?? 'webhooks',
      reconnect_delay: EIGHT_HOURS,
      secret: cliSecret(ctx.account.key),
      default_version: ctx.settings.apiVersion,
      latest_version: API_VERSION,
      display_connect_filter_warning: false,
      device_token: '',
    };
  });
}
