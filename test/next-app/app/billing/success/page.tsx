import { Welcome } from './welcome';

type Props = { searchParams: Promise<{ session_id?: string }> };

export default async function Success({ searchParams }: Props) {
  const { session_id } = await searchParams;
  return <Welcome sessionId={session_id} />;
}
