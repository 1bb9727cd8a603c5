import type { NextConfig } from 'next';

const config: NextConfig = {
  // Not bundled: it loads database drivers.
  serverExternalPackages: ['tenure'],
};

export default config;
