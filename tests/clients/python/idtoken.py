# SPDX-License-Identifier: Apache-2.0
"""What an application does that calls a service of its own: an ID token of google-auth's, and OpenAI's client with it.
idtoken.py BASE_URL AUDIENCE prints the answer. Nothing in it knows of Dragoman."""

import sys

import google.auth.transport.requests
import google.oauth2.id_token
import openai

token = google.oauth2.id_token.fetch_id_token(google.auth.transport.requests.Request(), sys.argv[2])
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=token, max_retries=0)
answer = client.chat.completions.create(model="google/gemini-2.0-flash-001", messages=[{"role": "user", "content": "Why is the sky blue?"}])
print(answer.choices[0].message.content)
