export PROJECT_ID=PROJECT_ID
export LOCATION=LOCATION
export OPENAI_API_KEY="$(gcloud auth application-default print-access-token)"
