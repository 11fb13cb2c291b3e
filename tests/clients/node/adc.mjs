// SPDX-License-Identifier: Apache-2.0
// What an application does: asks google-auth-library for the credentials of where it runs, and the gateway with their token.
// Prints what came of it as JSON. Nothing in it knows of Dragoman.
import { createRequire } from 'node:module';
const { GoogleAuth } = createRequire(process.env.NODE_MODULES + '/')('google-auth-library');

const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' });
const client = await auth.getClient();
const { token } = await client.getAccessToken();
const project = await auth.getProjectId().catch(() => null);
const answer = await fetch(process.env.BASE_URL + '/v1/chat/completions', {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  body: JSON.stringify({ model: 'google/gemini-2.0-flash-001', messages: [{ role: 'user', content: 'Why is the sky blue?' }] }),
});
console.log(JSON.stringify({ kind: client.constructor.name, project, token, status: answer.status, text: (await answer.json()).choices?.[0].message.content }));
