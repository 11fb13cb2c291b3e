gcloud ai endpoints list
