curl -X POST \
 -H "Authorization: Bearer $(gcloud auth print-access-token)" \
 -H "Content-Type: application/json" \
 https://us-central1-aiplatform.googleapis.com/v1/projects/${PROJECT}/locations/us-central1/endpoints/openapi/chat/completions \
 -d '{
 "model": "google/gemini-2.0-flash-001",
 "messages": [
 { "role": "user",
 "content": [
 { "type": "text", "text": "Describe this: " },
 { "type": "input_audio", "input_audio": {
 "format": "audio/mp3",
 "data": "gs://cloud-samples-data/generative-ai/audio/pixel.mp3" } }] }] }'
