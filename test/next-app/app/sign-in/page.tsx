import { cookies } from 'next/headers';
import { redirect } from 'next/navigation';
import { sessionCookie } from '@/lib/session';

async function signIn(form: FormData) {
  'use server';
  const { name, value } = sessionCookie(String(form.get('email')));
  (await cookies()).set(name, value, { httpOnly: true, sameSite: 'lax' });
  redirect('/billing');
}

export default function SignIn() {
  return (
    <form action={signIn}>
      <label>
        E-mail <input name="email" type="email" required />
      </label>
      <button>Sign in</button>
    </form>
  );
}
