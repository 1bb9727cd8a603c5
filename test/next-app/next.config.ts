import type { NextConfig } from 'next';

const config: NextConfig = {
  // Loaded as it is instead of being bundled: it brings database drivers along.
  serverExternalPackages: ['tenure'],
};

export default config;
