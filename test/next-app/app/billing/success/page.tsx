'use client';

import dynamic from 'next/dynamic';
import { use } from 'react';

const Welcome = dynamic(() => import('./welcome').then((module) => module.Welcome), {
  ssr: false,
  loading: () => <p>One moment…</p>,
});

type Props = { searchParams: Promise<{ session_id?: string }> };

export default function Success({ searchParams }: Props) {
  const { session_id } = use(searchParams);
  return <Welcome sessionId={session_id} />;
}
