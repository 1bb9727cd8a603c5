import type { Route } from '../../http/define-route.ts';
import { ACT_ROUTES } from '../acts/index.ts';
import { ACCOUNT_PAGES } from './account-pages.ts';
import { ACCOUNTS } from './accounts.ts';
import { API } from './api.ts';
import { FIGURES } from './figures.ts';
import { FORMS } from './forms.ts';
import { GRANT_ROUTES } from './grants.ts';
import { LIST_ROUTES } from './lists.ts';
import { PAGES } from './pages.ts';
import { OIDC_SIGN_IN } from './oidc-sign-in.ts';
import { SIGN_IN } from './sign-in.ts';
import { WEBHOOK_ROUTES } from './webhooks.ts';

/** The dashboard: its pages and forms, the sign-in, and the API behind them. */
export const ADMIN_ROUTES: readonly Route[] = [
  ...API,
  ...FIGURES,
  ...ACCOUNTS,
  ...GRANT_ROUTES,
  ...ACT_ROUTES,
  ...SIGN_IN,
  ...OIDC_SIGN_IN,
  ...PAGES,
  ...LIST_ROUTES,
  ...WEBHOOK_ROUTES,
  ...ACCOUNT_PAGES,
  ...FORMS,
];
