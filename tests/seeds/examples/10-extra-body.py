from openai import OpenAI

client = OpenAI()

completion = client.chat.completions.create(
 model="google/gemini-2.5-flash",
 messages=[{"role": "user", "content": "Why is the sky blue?"}],
 extra_body = {
 'extra_body': { 'google': { 'thinking_config': { 'include_thoughts': True }, 'thought_tag_marker': 'think' } }
 },
)

print(completion)
