/* Written by `npm run build:client` from the OpenAPI document; changes are lost. */

export interface components {
  schemas: {
    Error: {
      error: {
        code:
          | 'invalid_request'
          | 'invalid_json'
          | 'invalid_signature'
          | 'unknown_plan'
          | 'unknown_price'
          | 'unknown_product'
          | 'unknown_addon'
          | 'already_purchased'
          | 'unknown_promotion_code'
          | 'unknown_meter'
          | 'usage_refused'
          | 'unauthenticated'
          | 'card_declined'
          | 'subscription_required'
          | 'feature_required'
          | 'limit_reached'
          | 'cap_reached'
          | 'forbidden'
          | 'not_found'
          | 'method_not_allowed'
          | 'already_subscribed'
          | 'not_allowed'
          | 'no_billing_account'
          | 'idempotency_conflict'
          | 'idempotency_in_progress'
          | 'quote_expired'
          | 'confirmation_required'
          | 'stripe_conflict'
          | 'payload_too_large'
          | 'unsupported_media_type'
          | 'rate_limited'
          | 'internal_error'
          | 'body_already_read'
          | 'portal_not_configured'
          | 'stripe_rejected'
          | 'stripe_unavailable'
          | 'authentication_unavailable'
          | 'database_unavailable'
          | 'overloaded';
        message: string;
        requestId: string;
        state?: string;
        actions?: string[];
        issues?: {
          path: string;
          message: string;
        }[];
        declineCode?: string;
        stripeCode?: string | null;
        param?: string;
        role?: string;
        reason?: string;
        feature?: string;
        eventId?: string;
      };
    };
  };
  responses: {
    Error: {
      headers: { [name: string]: unknown };
      content: { 'application/json': components['schemas']['Error'] };
    };
  };
}

export interface paths {
  '/api/webhooks/stripe': {
    post: {
      parameters: {};
      requestBody: {
        content: {
          'application/json': { [name: string]: unknown };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              received: true;
              skipped?: true;
            };
          };
        };
        400: components['responses']['Error'];
        413: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/plans': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              plans: {
                id: string;
                name: string;
                description?: string;
                features: string[];
                limits: { [name: string]: number | null };
                prices: {
                  monthly: {
                    priceId: string;
                    amount: number | null;
                    currency: string;
                    metered?: boolean;
                  } | null;
                  yearly: {
                    priceId: string;
                    amount: number | null;
                    currency: string;
                    metered?: boolean;
                  } | null;
                };
                offers: {
                  interval: string;
                  every: {
                    interval: 'day' | 'week' | 'month' | 'year';
                    count: number;
                  };
                  priceId: string;
                  metered: boolean;
                  amounts: { [name: string]: number | null };
                  tiers: {
                    [name: string]: {
                      upTo: number | null;
                      unit: string;
                      flat: string;
                    }[];
                  } | null;
                  tiersMode: 'graduated' | 'volume' | null;
                }[];
                default: boolean;
                trialDays: number;
                seats: {
                  min: number;
                  max: number | null;
                } | null;
                meters: {
                  meter: string;
                  priceId: string;
                  interval: string | null;
                  aggregation: 'sum' | 'count' | 'last' | 'max';
                }[];
              }[];
              addons: {
                id: string;
                name: string;
                description?: string;
                features: string[];
                limits: { [name: string]: number | null };
                plans: string[] | null;
                max: number;
                offers: {
                  interval: string;
                  every: {
                    interval: 'day' | 'week' | 'month' | 'year';
                    count: number;
                  };
                  priceId: string;
                  metered: boolean;
                  amounts: { [name: string]: number | null };
                  tiers: {
                    [name: string]: {
                      upTo: number | null;
                      unit: string;
                      flat: string;
                    }[];
                  } | null;
                  tiersMode: 'graduated' | 'volume' | null;
                }[];
              }[];
              products: {
                id: string;
                name: string;
                description?: string;
                priceId: string;
                amount: number | null;
                currency: string;
                credit: {
                  amount: number;
                  meter: string | null;
                  days: number | null;
                } | null;
              }[];
              currencies: string[];
            };
          };
        };
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/checkout': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            plan?: string;
            interval?:
              | string
              | {
                  interval: 'day' | 'week' | 'month' | 'year';
                  count: number;
                };
            priceId?: string;
            quantity?: number;
            currency?: string;
            addons?: { [name: string]: number };
            promotionCode?: string;
            locale?:
              | 'auto'
              | 'bg'
              | 'cs'
              | 'da'
              | 'de'
              | 'el'
              | 'en'
              | 'en-GB'
              | 'es'
              | 'es-419'
              | 'et'
              | 'fi'
              | 'fil'
              | 'fr'
              | 'fr-CA'
              | 'hi-IN'
              | 'hr'
              | 'hu'
              | 'id'
              | 'it'
              | 'ja'
              | 'ko'
              | 'lt'
              | 'lv'
              | 'ms'
              | 'mt'
              | 'nb'
              | 'nl'
              | 'pl'
              | 'pt'
              | 'pt-BR'
              | 'ro'
              | 'ru'
              | 'sk'
              | 'sl'
              | 'sv'
              | 'th'
              | 'tr'
              | 'vi'
              | 'zh'
              | 'zh-HK'
              | 'zh-TW';
            successUrl?: string;
            cancelUrl?: string;
            metadata?: { [name: string]: string };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              url: string;
              sessionId: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/checkout/sync': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            sessionId: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
              status: 'open' | 'complete' | 'expired';
              paymentStatus: 'paid' | 'unpaid' | 'no_payment_required';
              payment: {
                id: string;
                product: string;
                quantity: number;
                amount: number;
                currency: string;
                status: 'paid' | 'returned';
                paidAt: string;
                metadata: { [name: string]: string };
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription/preview': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json':
            | {
                plan?: string;
                interval?:
                  | string
                  | {
                      interval: 'day' | 'week' | 'month' | 'year';
                      count: number;
                    };
                priceId?: string;
                quantity?: number;
                currency?: string;
                addons?: { [name: string]: number };
                when?: 'now' | 'period_end';
                command?: 'change';
              }
            | {
                when?: 'period_end' | 'now';
                feedback?:
                  | 'customer_service'
                  | 'low_quality'
                  | 'missing_features'
                  | 'other'
                  | 'switched_service'
                  | 'too_complex'
                  | 'too_expensive'
                  | 'unused';
                comment?: string;
                command: 'cancel';
              }
            | {
                resumesAt?: string;
                command: 'pause';
              }
            | {
                plan?: string;
                interval?:
                  | string
                  | {
                      interval: 'day' | 'week' | 'month' | 'year';
                      count: number;
                    };
                priceId?: string;
                quantity?: number;
                currency?: string;
                addons?: { [name: string]: number };
                promotionCode?: string;
                command: 'reactivate';
              }
            | {
                command: 'resume';
              };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json':
              | {
                  command: 'change';
                  kind: 'upgrade' | 'downgrade' | 'switch';
                  effective: 'now' | 'period_end';
                  amountDue: number;
                  currency: string;
                  credit: number;
                  debit: number;
                  discount: number;
                  tax: number;
                  fromBalance: number;
                  lines: {
                    description: string | null;
                    amount: number;
                    quantity: number | null;
                    proration: boolean;
                    periodStart: string;
                    periodEnd: string;
                  }[];
                  nextAmount: number;
                  losses: {
                    kind:
                      | 'access'
                      | 'unused_time'
                      | 'trial'
                      | 'pending_change'
                      | 'promotion_code'
                      | 'debt';
                    at: string | null;
                    message: string;
                  }[];
                  prorationDate: string | null;
                }
              | {
                  command: 'pause' | 'resume' | 'reactivate' | 'cancel';
                  amountDue: number;
                  currency: string;
                  credit: number;
                  debit: number;
                  discount: number;
                  tax: number;
                  fromBalance: number;
                  lines: {
                    description: string | null;
                    amount: number;
                    quantity: number | null;
                    proration: boolean;
                    periodStart: string;
                    periodEnd: string;
                  }[];
                  nextAmount: number;
                  losses: {
                    kind:
                      | 'access'
                      | 'unused_time'
                      | 'trial'
                      | 'pending_change'
                      | 'promotion_code'
                      | 'debt';
                    at: string | null;
                    message: string;
                  }[];
                  debts: {
                    invoiceId: string;
                    number: string | null;
                    amount: number;
                    currency: string;
                    collected: boolean;
                  }[];
                  payment: 'none' | 'saved_method' | 'checkout';
                };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription/change': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            plan?: string;
            interval?:
              | string
              | {
                  interval: 'day' | 'week' | 'month' | 'year';
                  count: number;
                };
            priceId?: string;
            quantity?: number;
            currency?: string;
            addons?: { [name: string]: number };
            when?: 'now' | 'period_end';
            prorationDate?: string | null;
          };
        };
      };
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription/quantity': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            quantity: number;
            prorationDate?: string | null;
            when?: 'now' | 'period_end';
          };
        };
      };
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription/cancel': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            when?: 'period_end' | 'now';
            feedback?:
              | 'customer_service'
              | 'low_quality'
              | 'missing_features'
              | 'other'
              | 'switched_service'
              | 'too_complex'
              | 'too_expensive'
              | 'unused';
            comment?: string;
            confirm?: {
              amountDue: number;
              currency: string;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription/resume': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            confirm?: {
              amountDue: number;
              currency: string;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription/pause': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            resumesAt?: string;
            confirm?: {
              amountDue: number;
              currency: string;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription/reactivate': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            plan?: string;
            interval?:
              | string
              | {
                  interval: 'day' | 'week' | 'month' | 'year';
                  count: number;
                };
            priceId?: string;
            quantity?: number;
            currency?: string;
            addons?: { [name: string]: number };
            promotionCode?: string;
            confirm?: {
              amountDue: number;
              currency: string;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json':
              | {
                  subscription: {
                    id: string;
                    state:
                      | 'none'
                      | 'incomplete'
                      | 'trialing'
                      | 'active'
                      | 'downgrading'
                      | 'cancel_pending'
                      | 'past_due'
                      | 'unpaid'
                      | 'paused'
                      | 'canceled';
                    status: string;
                    plan: string | null;
                    interval: string | null;
                    priceId: string | null;
                    quantity: number | null;
                    currency: string;
                    addons: {
                      id: string;
                      priceId: string;
                      quantity: number;
                    }[];
                    currentPeriodEnd: string | null;
                    trialEnd: string | null;
                    cancelAt: string | null;
                    pendingChange: {
                      kind: 'scheduled' | 'awaiting_payment';
                      plan: string | null;
                      interval: string | null;
                      priceId: string | null;
                      quantity: number | null;
                      addons: {
                        id: string;
                        priceId: string;
                        quantity: number;
                      }[];
                      at: string | null;
                    } | null;
                    unpaidInvoiceId: string | null;
                    access: {
                      level: 'full' | 'grace' | 'none';
                      until: string | null;
                      reason: string;
                    };
                    actions: string[];
                    since: string;
                  } | null;
                }
              | {
                  url: string;
                  sessionId: string;
                };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/subscription/discount': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            promotionCode: string | null;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/payments': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            product: string;
            quantity?: number;
            locale?:
              | 'auto'
              | 'bg'
              | 'cs'
              | 'da'
              | 'de'
              | 'el'
              | 'en'
              | 'en-GB'
              | 'es'
              | 'es-419'
              | 'et'
              | 'fi'
              | 'fil'
              | 'fr'
              | 'fr-CA'
              | 'hi-IN'
              | 'hr'
              | 'hu'
              | 'id'
              | 'it'
              | 'ja'
              | 'ko'
              | 'lt'
              | 'lv'
              | 'ms'
              | 'mt'
              | 'nb'
              | 'nl'
              | 'pl'
              | 'pt'
              | 'pt-BR'
              | 'ro'
              | 'ru'
              | 'sk'
              | 'sl'
              | 'sv'
              | 'th'
              | 'tr'
              | 'vi'
              | 'zh'
              | 'zh-HK'
              | 'zh-TW';
            successUrl?: string;
            cancelUrl?: string;
            metadata?: { [name: string]: string };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              url: string;
              sessionId: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
    get: {
      parameters: {
        query?: {
          limit?: number;
          cursor?: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              payments: {
                id: string;
                product: string;
                quantity: number;
                amount: number;
                currency: string;
                status: 'paid' | 'returned';
                paidAt: string;
                metadata: { [name: string]: string };
              }[];
              next: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/invoices': {
    get: {
      parameters: {
        query?: {
          limit?: number;
          cursor?: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoices: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              }[];
              nextCursor: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            items: {
              description: string;
              amount: number;
              currency: string;
              quantity?: number;
            }[];
            collection: 'charge' | 'send';
            userId: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              };
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/invoices/upcoming': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              } | null;
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/invoices/{id}': {
    get: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              };
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/invoices/{id}/pdf': {
    get: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        302: {
          headers: { [name: string]: unknown };
          content?: never;
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/invoices/{id}/pay': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            paymentMethod?: string;
            keep?: boolean;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              };
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/credit': {
    get: {
      parameters: {
        query?: {
          limit?: number;
          cursor?: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              balance: number;
              currency: string | null;
              entries: {
                id: string;
                amount: number;
                currency: string;
                balance: number;
                type: string;
                description: string | null;
                invoiceId: string | null;
                createdAt: string;
              }[];
              prepaid: {
                id: string;
                purchase: string;
                name: string | null;
                amount: number;
                left: number;
                currency: string;
                expiresAt: string | null;
              }[];
              nextCursor: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/promotion-codes/{code}': {
    get: {
      parameters: {
        path: {
          code: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              code: string;
              percentOff: number | null;
              amountOff: number | null;
              currency: string | null;
              duration: string;
              months: number | null;
              expiresAt: string | null;
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/promotion-codes': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            code: string;
            percentOff?: number;
            amountOff?: number;
            currency?: string;
            duration?: 'once' | 'forever' | 'repeating';
            months?: number;
            maxRedemptions?: number;
            expiresAt?: string;
            firstPurchaseOnly?: boolean;
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              code: string;
              percentOff: number | null;
              amountOff: number | null;
              currency: string | null;
              duration: string;
              months: number | null;
              expiresAt: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/portal': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            flow?: 'payment_method_update' | 'subscription_cancel' | 'subscription_update';
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              url: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/usage': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody: {
        content: {
          'application/json':
            | {
                meter: string;
                quantity?: number;
                idempotencyKey: string;
                timestamp?: string;
              }
            | {
                meter: string;
                quantity?: number;
                idempotencyKey: string;
                timestamp?: string;
              }[];
        };
      };
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              accepted: number;
              duplicates: number;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
    get: {
      parameters: {
        query: {
          meter: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              meter: string;
              periodStart: string;
              periodEnd: string | null;
              aggregation: 'sum' | 'count' | 'last' | 'max';
              recorded: number;
              acknowledged: number;
              pending: number;
              refused: number;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/usage/corrections': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            userId: string;
            idempotencyKey: string;
            quantity: number;
            reportedBy?: 'host' | 'user';
          };
        };
      };
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              from: number;
              to: number;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/usage': {
    get: {
      parameters: {
        query: {
          userId: string;
          meter: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              meter: string;
              from: string;
              until: string;
              recorded: number;
              acknowledged: number;
              atStripe: number;
              difference: number;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/usage/retry': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: never;
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              retried: number;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/access': {
    get: {
      parameters: {
        query?: {
          feature?: string;
          used?: number;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              allowed: boolean;
              level: 'full' | 'grace' | 'none';
              reason: string;
              limit?: number | null;
              remaining?: number | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/grants': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              grants: {
                id: string;
                plan: string | null;
                features: string[];
                limits: { [name: string]: number | null };
                combine: 'best' | 'add';
                source: 'purchase' | 'complimentary' | 'goodwill';
                reason: string | null;
                createdAt: string;
                endsAt: string | null;
              }[];
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/api/billing/page': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': Record<string, never>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              url: string;
              expiresAt: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/healthz': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              status: 'ok';
            };
          };
        };
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/readyz': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              status: 'ready' | 'not_ready' | 'stopping';
              checks?: {
                database: 'ok' | 'failed';
                migrations: 'ok' | 'failed';
                inbox: 'ok' | 'failed';
                worker: 'ok' | 'failed';
                catchUp: 'ok' | 'late';
                clocks: 'ok' | 'off' | 'failed';
              };
            };
          };
        };
        500: components['responses']['Error'];
        503: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              status: 'ready' | 'not_ready' | 'stopping';
              checks?: {
                database: 'ok' | 'failed';
                migrations: 'ok' | 'failed';
                inbox: 'ok' | 'failed';
                worker: 'ok' | 'failed';
                catchUp: 'ok' | 'late';
                clocks: 'ok' | 'off' | 'failed';
              };
            };
          };
        };
      };
    };
  };
  '/metrics': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'text/plain': unknown;
          };
        };
        401: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/openapi.json': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': unknown;
          };
        };
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/lifecycle': {
    get: {
      parameters: {
        query?: {
          window?: '24h' | '7d' | '30d';
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              states: {
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                group: string;
                label: string;
                description: string;
                count: number;
              }[];
              arrows: {
                from:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                to:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                event:
                  | 'trial_started'
                  | 'paid'
                  | 'payment_pending'
                  | 'expired'
                  | 'trial_ended_unpaid'
                  | 'trial_ended_without_method'
                  | 'cancel_scheduled'
                  | 'cancel_undone'
                  | 'canceled'
                  | 'upgraded'
                  | 'renewed'
                  | 'downgrade_scheduled'
                  | 'downgrade_undone'
                  | 'period_ended'
                  | 'payment_failed'
                  | 'payment_succeeded'
                  | 'retries_exhausted'
                  | 'paused'
                  | 'resumed'
                  | 'reactivated';
                description: string;
                count: number;
              }[];
              window: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/stats': {
    get: {
      parameters: {
        query?: {
          days?: number;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              counts: { [name: string]: number };
              mrr: { [name: string]: number };
              trialing: number;
              days: number;
              paying: number;
              churn: {
                lost: number;
                rate: number | null;
              };
              payments: {
                failed: number;
                recovered: number;
              };
              trials: {
                month: string;
                started: number;
                converted: number;
                lost: number;
                open: number;
                conversion: number | null;
              }[];
              usage: {
                waiting: number;
                failing: number;
                refused: number;
              };
              inbox: {
                waiting: number;
                failing: number;
                dead: number;
              };
              clock: {
                now: string;
                advancing: boolean;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/subscriptions': {
    get: {
      parameters: {
        query?: {
          state?:
            | 'none'
            | 'incomplete'
            | 'trialing'
            | 'active'
            | 'downgrading'
            | 'cancel_pending'
            | 'past_due'
            | 'unpaid'
            | 'paused'
            | 'canceled';
          q?: string;
          foreign?: 'true' | 'false';
          cursor?: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscriptions: {
                id: string;
                customerId: string;
                email: string | null;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                plan: string | null;
                price: string;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                since: string;
                periodEnd: string | null;
                duplicate: boolean;
              }[];
              nextCursor: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/subscriptions/{id}': {
    get: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
              customerId: string;
              userId: string | null;
              email: string | null;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled';
              stripeStatus: string;
              plan: string | null;
              price: string;
              kept: string[];
              access: {
                level: 'full' | 'grace' | 'none';
                until: string | null;
                reason: string;
              };
              since: string;
              createdAt: string;
              periodEnd: string | null;
              trialEnd: string | null;
              pending: string[];
              mrr: string;
              failedAttempts: number;
              duplicate: boolean;
              metadata: { [name: string]: string };
              stripeUrl: string | null;
              steps: {
                from:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                to:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                event:
                  | 'trial_started'
                  | 'paid'
                  | 'payment_pending'
                  | 'expired'
                  | 'trial_ended_unpaid'
                  | 'trial_ended_without_method'
                  | 'cancel_scheduled'
                  | 'cancel_undone'
                  | 'canceled'
                  | 'upgraded'
                  | 'renewed'
                  | 'downgrade_scheduled'
                  | 'downgrade_undone'
                  | 'period_ended'
                  | 'payment_failed'
                  | 'payment_succeeded'
                  | 'retries_exhausted'
                  | 'paused'
                  | 'resumed'
                  | 'reactivated';
                unexpected: boolean;
                late: boolean;
                cause: {
                  type: string;
                  id: string;
                };
                actor: string;
                requestId: string | null;
                at: string;
                detail: { [name: string]: string | number | boolean | null };
                invoiceNumber: string | null;
                nextAttemptAt: string | null;
              }[];
              cut: boolean;
              next: {
                from:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                to:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                at: string;
                words: string;
              }[];
              returns: {
                kind: string;
                amount: string;
                status: string;
                reason: string | null;
                at: string;
              }[];
              restriction: string | null;
              allowed: {
                event:
                  | 'trial_started'
                  | 'paid'
                  | 'payment_pending'
                  | 'expired'
                  | 'trial_ended_unpaid'
                  | 'trial_ended_without_method'
                  | 'cancel_scheduled'
                  | 'cancel_undone'
                  | 'canceled'
                  | 'upgraded'
                  | 'renewed'
                  | 'downgrade_scheduled'
                  | 'downgrade_undone'
                  | 'period_ended'
                  | 'payment_failed'
                  | 'payment_succeeded'
                  | 'retries_exhausted'
                  | 'paused'
                  | 'resumed'
                  | 'reactivated';
                to:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                description: string;
              }[];
              actions: string[];
              usage: {
                meter: string;
                recorded: string;
                acknowledged: string;
              }[];
              others: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
              }[];
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/events': {
    get: {
      parameters: {
        query?: {
          status?: 'waiting' | 'failed' | 'dead' | 'done' | 'ignored';
          type?: string;
          q?: string;
          since?: string;
          until?: string;
          cursor?: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              events: {
                id: string;
                type: string;
                status: 'waiting' | 'failed' | 'dead' | 'done' | 'ignored';
                subscriptionId: string | null;
                moved: string[];
                attempts: number;
                lastError: string | null;
                flags: string[];
                receivedAt: string;
              }[];
              nextCursor: string | null;
              searchedBackTo: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/events/{id}': {
    get: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
              type: string;
              status: 'waiting' | 'failed' | 'dead' | 'done' | 'ignored';
              customer: string;
              subscriptionId: string | null;
              objectId: string | null;
              apiVersion: string | null;
              livemode: boolean;
              account: string | null;
              flags: string[];
              source: string;
              createdAt: string;
              receivedAt: string;
              processedAt: string | null;
              nextAttemptAt: string | null;
              attempts: number;
              lastError: string | null;
              failures: {
                attempt: number;
                failedAt: string;
                error: string;
              }[];
              moved: {
                from:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                to:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                event:
                  | 'trial_started'
                  | 'paid'
                  | 'payment_pending'
                  | 'expired'
                  | 'trial_ended_unpaid'
                  | 'trial_ended_without_method'
                  | 'cancel_scheduled'
                  | 'cancel_undone'
                  | 'canceled'
                  | 'upgraded'
                  | 'renewed'
                  | 'downgrade_scheduled'
                  | 'downgrade_undone'
                  | 'period_ended'
                  | 'payment_failed'
                  | 'payment_succeeded'
                  | 'retries_exhausted'
                  | 'paused'
                  | 'resumed'
                  | 'reactivated';
                subscriptionId: string;
                unexpected: boolean;
              }[];
              effects: {
                kind: string;
                objectId: string;
                status: string;
                attempts: number;
                lastError: string | null;
                deliveredAt: string | null;
              }[];
              headers: { [name: string]: string };
              payload: string;
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/events/{id}/replay': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              replayed: number;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/stream': {
    get: {
      parameters: {};
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'text/event-stream': unknown;
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/figures/mrr-movements': {
    get: {
      parameters: {
        query: {
          from: string;
          to: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              from: string;
              to: string;
              rows: {
                currency: string;
                plan: string | null;
                start: number;
                new: number;
                expansion: number;
                contraction: number;
                churn: number;
                reactivation: number;
                moved: number;
                net: number;
                end: number;
              }[];
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/figures/retention': {
    get: {
      parameters: {
        query?: {
          months?: number;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              cohorts: {
                month: string;
                size: number;
                kept: number[];
              }[];
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/customer': {
    put: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            customerId: string;
            mark?: boolean;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              replaced: string | null;
              subscriptions: number;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/export': {
    get: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': unknown;
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/forget': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              redacted: number;
              customerIds: string[];
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/grants': {
    get: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              grants: {
                id: string;
                plan: string | null;
                features: string[];
                limits: { [name: string]: number | null };
                combine: 'best' | 'add';
                source: 'purchase' | 'complimentary' | 'goodwill';
                reason: string | null;
                createdAt: string;
                endsAt: string | null;
                grantedBy: string;
                revokedAt: string | null;
              }[];
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            plan?: string;
            features?: string[];
            limits?: { [name: string]: number | null };
            combine?: 'best' | 'add';
            source?: 'complimentary' | 'goodwill';
            reason: string;
            endsAt?: string | null;
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
              plan: string | null;
              features: string[];
              limits: { [name: string]: number | null };
              combine: 'best' | 'add';
              source: 'purchase' | 'complimentary' | 'goodwill';
              reason: string | null;
              createdAt: string;
              endsAt: string | null;
              grantedBy: string;
              revokedAt: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/grants/{id}/revoke': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
              plan: string | null;
              features: string[];
              limits: { [name: string]: number | null };
              combine: 'best' | 'add';
              source: 'purchase' | 'complimentary' | 'goodwill';
              reason: string | null;
              createdAt: string;
              endsAt: string | null;
              grantedBy: string;
              revokedAt: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/cancel': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            when?: 'period_end' | 'now';
            feedback?:
              | 'customer_service'
              | 'low_quality'
              | 'missing_features'
              | 'other'
              | 'switched_service'
              | 'too_complex'
              | 'too_expensive'
              | 'unused';
            comment?: string;
            confirm?: {
              amountDue: number;
              currency: string;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/resume': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            confirm?: {
              amountDue: number;
              currency: string;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/pause': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            resumesAt?: string;
            confirm?: {
              amountDue: number;
              currency: string;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/preview': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: {
        content: {
          'application/json':
            | {
                plan?: string;
                interval?:
                  | string
                  | {
                      interval: 'day' | 'week' | 'month' | 'year';
                      count: number;
                    };
                priceId?: string;
                quantity?: number;
                currency?: string;
                addons?: { [name: string]: number };
                when?: 'now' | 'period_end';
                command?: 'change';
              }
            | {
                when?: 'period_end' | 'now';
                feedback?:
                  | 'customer_service'
                  | 'low_quality'
                  | 'missing_features'
                  | 'other'
                  | 'switched_service'
                  | 'too_complex'
                  | 'too_expensive'
                  | 'unused';
                comment?: string;
                command: 'cancel';
              }
            | {
                resumesAt?: string;
                command: 'pause';
              }
            | {
                plan?: string;
                interval?:
                  | string
                  | {
                      interval: 'day' | 'week' | 'month' | 'year';
                      count: number;
                    };
                priceId?: string;
                quantity?: number;
                currency?: string;
                addons?: { [name: string]: number };
                promotionCode?: string;
                command: 'reactivate';
              }
            | {
                command: 'resume';
              };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json':
              | {
                  command: 'change';
                  kind: 'upgrade' | 'downgrade' | 'switch';
                  effective: 'now' | 'period_end';
                  amountDue: number;
                  currency: string;
                  credit: number;
                  debit: number;
                  discount: number;
                  tax: number;
                  fromBalance: number;
                  lines: {
                    description: string | null;
                    amount: number;
                    quantity: number | null;
                    proration: boolean;
                    periodStart: string;
                    periodEnd: string;
                  }[];
                  nextAmount: number;
                  losses: {
                    kind:
                      | 'access'
                      | 'unused_time'
                      | 'trial'
                      | 'pending_change'
                      | 'promotion_code'
                      | 'debt';
                    at: string | null;
                    message: string;
                  }[];
                  prorationDate: string | null;
                }
              | {
                  command: 'pause' | 'resume' | 'reactivate' | 'cancel';
                  amountDue: number;
                  currency: string;
                  credit: number;
                  debit: number;
                  discount: number;
                  tax: number;
                  fromBalance: number;
                  lines: {
                    description: string | null;
                    amount: number;
                    quantity: number | null;
                    proration: boolean;
                    periodStart: string;
                    periodEnd: string;
                  }[];
                  nextAmount: number;
                  losses: {
                    kind:
                      | 'access'
                      | 'unused_time'
                      | 'trial'
                      | 'pending_change'
                      | 'promotion_code'
                      | 'debt';
                    at: string | null;
                    message: string;
                  }[];
                  debts: {
                    invoiceId: string;
                    number: string | null;
                    amount: number;
                    currency: string;
                    collected: boolean;
                  }[];
                  payment: 'none' | 'saved_method' | 'checkout';
                };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/change': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            plan?: string;
            interval?:
              | string
              | {
                  interval: 'day' | 'week' | 'month' | 'year';
                  count: number;
                };
            priceId?: string;
            quantity?: number;
            currency?: string;
            addons?: { [name: string]: number };
            when?: 'now' | 'period_end';
            prorationDate?: string | null;
          };
        };
      };
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/quantity': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            quantity: number;
            prorationDate?: string | null;
            when?: 'now' | 'period_end';
          };
        };
      };
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/reactivate': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            plan?: string;
            interval?:
              | string
              | {
                  interval: 'day' | 'week' | 'month' | 'year';
                  count: number;
                };
            priceId?: string;
            quantity?: number;
            currency?: string;
            addons?: { [name: string]: number };
            promotionCode?: string;
            confirm?: {
              amountDue: number;
              currency: string;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json':
              | {
                  subscription: {
                    id: string;
                    state:
                      | 'none'
                      | 'incomplete'
                      | 'trialing'
                      | 'active'
                      | 'downgrading'
                      | 'cancel_pending'
                      | 'past_due'
                      | 'unpaid'
                      | 'paused'
                      | 'canceled';
                    status: string;
                    plan: string | null;
                    interval: string | null;
                    priceId: string | null;
                    quantity: number | null;
                    currency: string;
                    addons: {
                      id: string;
                      priceId: string;
                      quantity: number;
                    }[];
                    currentPeriodEnd: string | null;
                    trialEnd: string | null;
                    cancelAt: string | null;
                    pendingChange: {
                      kind: 'scheduled' | 'awaiting_payment';
                      plan: string | null;
                      interval: string | null;
                      priceId: string | null;
                      quantity: number | null;
                      addons: {
                        id: string;
                        priceId: string;
                        quantity: number;
                      }[];
                      at: string | null;
                    } | null;
                    unpaidInvoiceId: string | null;
                    access: {
                      level: 'full' | 'grace' | 'none';
                      until: string | null;
                      reason: string;
                    };
                    actions: string[];
                    since: string;
                  } | null;
                }
              | {
                  url: string;
                  sessionId: string;
                };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/discount': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            promotionCode: string | null;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/portal': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            flow?: 'payment_method_update' | 'subscription_cancel' | 'subscription_update';
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              url: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/invoices': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            items: {
              description: string;
              amount: number;
              currency: string;
              quantity?: number;
            }[];
            collection: 'charge' | 'send';
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              };
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/invoices/{invoice}/void': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
          invoice: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': Record<string, never>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              };
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/invoices/{invoice}/uncollectible': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
          invoice: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': Record<string, never>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              };
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/invoices/{invoice}/send': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
          invoice: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': Record<string, never>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              };
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/invoices/{invoice}/pay': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
          invoice: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': {
            paymentMethod?: string;
            keep?: boolean;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              invoice: {
                id: string | null;
                number: string | null;
                status: string | null;
                reason: string | null;
                currency: string;
                total: number;
                amountDue: number;
                amountPaid: number;
                amountRemaining: number;
                credited: number;
                createdAt: string | null;
                periodStart: string | null;
                periodEnd: string | null;
                dueAt: string | null;
                nextAttemptAt: string | null;
                lines: {
                  description: string | null;
                  amount: number;
                  quantity: number | null;
                }[];
                url: string | null;
                pdf: string | null;
              };
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/trial': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            endsAt: string | null;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              subscription: {
                id: string;
                state:
                  | 'none'
                  | 'incomplete'
                  | 'trialing'
                  | 'active'
                  | 'downgrading'
                  | 'cancel_pending'
                  | 'past_due'
                  | 'unpaid'
                  | 'paused'
                  | 'canceled';
                status: string;
                plan: string | null;
                interval: string | null;
                priceId: string | null;
                quantity: number | null;
                currency: string;
                addons: {
                  id: string;
                  priceId: string;
                  quantity: number;
                }[];
                currentPeriodEnd: string | null;
                trialEnd: string | null;
                cancelAt: string | null;
                pendingChange: {
                  kind: 'scheduled' | 'awaiting_payment';
                  plan: string | null;
                  interval: string | null;
                  priceId: string | null;
                  quantity: number | null;
                  addons: {
                    id: string;
                    priceId: string;
                    quantity: number;
                  }[];
                  at: string | null;
                } | null;
                unpaidInvoiceId: string | null;
                access: {
                  level: 'full' | 'grace' | 'none';
                  until: string | null;
                  reason: string;
                };
                actions: string[];
                since: string;
              } | null;
              payment: {
                invoiceId: string;
                status: 'requires_action' | 'failed';
                amountDue: number;
                currency: string;
                declineCode: string | null;
                url: string | null;
              } | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        402: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/subscription/trial/preview': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            endsAt: string | null;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              endsAt: string;
              before: string | null;
              amountDue: number;
              currency: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/refunds': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            payment: string;
            amount?: number;
            refunded?: number;
            reason?: 'duplicate' | 'fraudulent' | 'requested_by_customer';
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              refundId: string;
              chargeId: string;
              amount: number;
              currency: string;
              status: string | null;
              left: number;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/refunds/preview': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            payment: string;
            amount?: number;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              chargeId: string;
              invoiceId: string | null;
              paid: number;
              refunded: number;
              amount: number;
              left: number;
              currency: string;
              endsAccess: boolean;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/mails/{mail}/resend': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
          mail: string;
        };
      };
      requestBody?: {
        content: {
          'application/json': Record<string, never>;
        };
      };
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
              kind: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/credit': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            amount: number;
            currency: string;
            description: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
              balance: number;
              currency: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/accounts/{id}/notes': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            text: string;
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        413: components['responses']['Error'];
        415: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
    get: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              notes: {
                id: string;
                author: string;
                text: string;
                createdAt: string;
              }[];
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/export/{list}': {
    get: {
      parameters: {
        query?: {
          format?: 'csv' | 'ndjson';
        };
        path: {
          list: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'text/csv': unknown;
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/webhooks': {
    get: {
      parameters: {
        query?: {
          status?: 'waiting' | 'delivered' | 'dead';
          type?:
            | 'subscription.changed'
            | 'subscription.canceled'
            | 'trial.ending'
            | 'payment.succeeded'
            | 'payment.failed'
            | 'payment.action_required'
            | 'payment.recovered'
            | 'payment.after_end'
            | 'payment.refunded'
            | 'payment.fraud_warning'
            | 'dispute.opened'
            | 'dispute.won'
            | 'dispute.lost'
            | 'credit_note.issued'
            | 'purchase.completed'
            | 'usage.threshold';
          receiver?: string;
          cursor?: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              webhooks: {
                id: string;
                type: string;
                receiver: string;
                state: 'waiting' | 'delivered' | 'not sent' | 'dead';
                objectId: string;
                attempts: number;
                reason: string | null;
                createdAt: string;
                deliveredAt: string | null;
                nextAttemptAt: string | null;
              }[];
              nextCursor: string | null;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/webhooks/{id}': {
    get: {
      parameters: {
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
              type: string;
              receiver: string;
              state: 'waiting' | 'delivered' | 'not sent' | 'dead';
              objectId: string;
              attempts: number;
              reason: string | null;
              createdAt: string;
              deliveredAt: string | null;
              nextAttemptAt: string | null;
              webhookId: string;
              url: string | null;
              cause: string | null;
              payload: { [name: string]: unknown };
              log: {
                at: string;
                durationMs: number;
                status: number | null;
                error: string | null;
              }[];
            };
          };
        };
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
  '/admin/api/webhooks/{id}/resend': {
    post: {
      parameters: {
        header?: {
          'Idempotency-Key'?: string;
        };
        path: {
          id: string;
        };
      };
      requestBody?: never;
      responses: {
        202: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              id: string;
            };
          };
        };
        400: components['responses']['Error'];
        401: components['responses']['Error'];
        403: components['responses']['Error'];
        404: components['responses']['Error'];
        409: components['responses']['Error'];
        429: components['responses']['Error'];
        500: components['responses']['Error'];
        502: components['responses']['Error'];
        503: components['responses']['Error'];
      };
    };
  };
}

export interface webhooks {
  'subscription.changed': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'subscription.changed';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              subscriptionId: string;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              status:
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              interval: string | null;
              number: number;
              confirmed: boolean;
              from:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled';
              to:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled';
              event:
                | 'trial_started'
                | 'paid'
                | 'payment_pending'
                | 'expired'
                | 'trial_ended_unpaid'
                | 'trial_ended_without_method'
                | 'cancel_scheduled'
                | 'cancel_undone'
                | 'canceled'
                | 'upgraded'
                | 'renewed'
                | 'downgrade_scheduled'
                | 'downgrade_undone'
                | 'period_ended'
                | 'payment_failed'
                | 'payment_succeeded'
                | 'retries_exhausted'
                | 'paused'
                | 'resumed'
                | 'reactivated';
              access: {
                level: 'full' | 'grace' | 'none';
                until: string | null;
                reason: string;
              };
              cause: {
                type: string;
                id: string;
              };
              actor: string | null;
              requestId: string | null;
              unexpected: boolean;
              late: boolean;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'subscription.canceled': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'subscription.canceled';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              subscriptionId: string | null;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              status:
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              interval: string | null;
              endedAt: string;
              reason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'trial.ending': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'trial.ending';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              subscriptionId: string | null;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              status:
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              interval: string | null;
              trialEnd: string;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'payment.succeeded': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'payment.succeeded';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              subscriptionId: string | null;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              status:
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              interval: string | null;
              invoiceId: string;
              number: string | null;
              amountDue: number;
              amountPaid: number;
              currency: string;
              hostedUrl: string | null;
              pdfUrl: string | null;
              billingReason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'payment.failed': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'payment.failed';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              subscriptionId: string | null;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              status:
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              interval: string | null;
              invoiceId?: string;
              number?: string | null;
              amountDue?: number;
              amountPaid?: number;
              currency?: string;
              hostedUrl?: string | null;
              pdfUrl?: string | null;
              billingReason?: string | null;
              attempt: number;
              maxAttempts: number;
              nextAttemptAt: string | null;
              declineCode: string | null;
              final: boolean;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'payment.action_required': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'payment.action_required';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              subscriptionId: string | null;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              status:
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              interval: string | null;
              invoiceId: string;
              number: string | null;
              amountDue: number;
              amountPaid: number;
              currency: string;
              hostedUrl: string | null;
              pdfUrl: string | null;
              billingReason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'payment.recovered': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'payment.recovered';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              subscriptionId: string | null;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              status:
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              interval: string | null;
              invoiceId?: string;
              number?: string | null;
              amountDue?: number;
              amountPaid?: number;
              currency?: string;
              hostedUrl?: string | null;
              pdfUrl?: string | null;
              billingReason?: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'payment.after_end': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'payment.after_end';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              subscriptionId: string | null;
              state:
                | 'none'
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'downgrading'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              status:
                | 'incomplete'
                | 'trialing'
                | 'active'
                | 'cancel_pending'
                | 'past_due'
                | 'unpaid'
                | 'paused'
                | 'canceled'
                | null;
              interval: string | null;
              invoiceId: string;
              number: string | null;
              amountDue: number;
              amountPaid: number;
              currency: string;
              hostedUrl: string | null;
              pdfUrl: string | null;
              billingReason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'payment.refunded': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'payment.refunded';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              id: string;
              subscriptionId: string | null;
              invoiceId: string | null;
              chargeId: string | null;
              amount: number;
              currency: string;
              status: string;
              reason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'payment.fraud_warning': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'payment.fraud_warning';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              id: string;
              subscriptionId: string | null;
              invoiceId: string | null;
              chargeId: string | null;
              amount: number;
              currency: string;
              status: string;
              reason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'dispute.opened': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'dispute.opened';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              id: string;
              subscriptionId: string | null;
              invoiceId: string | null;
              chargeId: string | null;
              amount: number;
              currency: string;
              status: string;
              reason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'dispute.won': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'dispute.won';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              id: string;
              subscriptionId: string | null;
              invoiceId: string | null;
              chargeId: string | null;
              amount: number;
              currency: string;
              status: string;
              reason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'dispute.lost': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'dispute.lost';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              id: string;
              subscriptionId: string | null;
              invoiceId: string | null;
              chargeId: string | null;
              amount: number;
              currency: string;
              status: string;
              reason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'credit_note.issued': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'credit_note.issued';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              id: string;
              subscriptionId: string | null;
              invoiceId: string | null;
              chargeId: string | null;
              amount: number;
              currency: string;
              status: string;
              reason: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'purchase.completed': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'purchase.completed';
            timestamp: string;
            data: {
              id: string;
              userId: string;
              customerId: string | null;
              product: string;
              quantity: number;
              amount: number;
              currency: string;
              metadata: { [name: string]: string };
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
  'usage.threshold': {
    post: {
      parameters: {
        header: {
          'webhook-id': string;
          'webhook-timestamp': string;
          'webhook-signature': string;
        };
      };
      requestBody: {
        content: {
          'application/json': {
            type: 'usage.threshold';
            timestamp: string;
            data: {
              userId: string | null;
              customerId: string | null;
              plan: string | null;
              meter: string;
              recorded: number;
              threshold: number;
              isCap: boolean;
              periodStart: string;
              periodEnd: string | null;
            };
          };
        };
      };
      responses: {
        '2XX': {
          headers: { [name: string]: unknown };
          content?: never;
        };
        default: {
          headers: { [name: string]: unknown };
          content?: never;
        };
      };
    };
  };
}
