# SPDX-License-Identifier: Apache-2.0
"""What an application does: asks google.auth for the credentials of where it runs, and OpenAI's client with their token.
adc.py BASE_URL prints what came of it as JSON. Nothing in it knows of Dragoman."""

import json
import sys

import google.auth
import google.auth.transport.requests
import openai

credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(google.auth.transport.requests.Request())
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=credentials.token, max_retries=0)
answer = client.chat.completions.create(model="google/gemini-2.0-flash-001", messages=[{"role": "user", "content": "Why is the sky blue?"}])
print(json.dumps({"kind": type(credentials).__module__ + "." + type(credentials).__name__, "project": project,
                  "valid": credentials.valid, "email": getattr(credentials, "service_account_email", None),
                  "token": credentials.token, "text": answer.choices[0].message.content}))
