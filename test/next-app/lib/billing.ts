import { createBilling } from 'tenure/next';
import { readSession } from './session';

export const billing = createBilling({ authenticate: readSession, signIn: '/sign-in' });
