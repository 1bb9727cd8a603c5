'use client';

import dynamic from 'next/dynamic';

// In the browser only: on the server the package is not bundled, and would bring a React of its own.
const AccountPanel = dynamic(() => import('./panel').then((module) => module.AccountPanel), {
  ssr: false,
  loading: () => <p>One moment…</p>,
});

export default function Account() {
  return <AccountPanel />;
}
