pip install google-auth
pip install requests
