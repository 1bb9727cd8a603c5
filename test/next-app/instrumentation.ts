export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { billing } = await import('./lib/billing');
  await billing.services();
}
