PROVIDER = "company"
