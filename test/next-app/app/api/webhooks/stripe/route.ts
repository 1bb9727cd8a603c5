import { billing } from '@/lib/billing';

export const { GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS } = billing.routes;
