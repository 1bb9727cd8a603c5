import { z } from 'zod';
import { planFile } from './plan-file.ts';

/** The JSON Schema of a plans file, as text. */
export function plansSchema(): string {
  const schema = z.toJSONSchema(planFile, { io: 'input', unrepresentable: 'any' });
  const title = 'What is sold: PLANS_FILE of Tenure';
  return `${JSON.stringify({ ...schema, title }, null, 2)}\n`;
}
