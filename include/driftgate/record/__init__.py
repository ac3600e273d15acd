"""Fourth step: results go to PostgreSQL (system of record) and MLflow."""
