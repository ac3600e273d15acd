-- Roles and databases of the stack. The server runs this once, on an empty volume. Running it again is safe and sets the
-- passwords to those of the environment (see docs/compose.md, "Change a password").
\set ON_ERROR_STOP on
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv mlflow_password MLFLOW_DB_PASSWORD
\getenv owner_password DRIFTGATE_OWNER_PASSWORD
\getenv app_password DRIFTGATE_APP_PASSWORD
\getenv reader_password DRIFTGATE_READER_PASSWORD

SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', name)
FROM unnest(ARRAY['airflow', 'mlflow', 'driftgate_owner', 'driftgate_app', 'driftgate_reader']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- Passwords never reach the server's log, not even when a statement fails.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
ALTER ROLE airflow PASSWORD :'airflow_password';
ALTER ROLE mlflow PASSWORD :'mlflow_password';
ALTER ROLE driftgate_owner PASSWORD :'owner_password';
ALTER ROLE driftgate_app PASSWORD :'app_password';
ALTER ROLE driftgate_reader PASSWORD :'reader_password';
ALTER ROLE driftgate_reader SET default_transaction_read_only = on;
ALTER ROLE driftgate_reader SET statement_timeout = '60s'; -- a dashboard must not hold the server for longer

SELECT format('CREATE DATABASE %I OWNER %I', name, owner)
FROM (VALUES ('airflow', 'airflow'), ('mlflow', 'mlflow'), ('driftgate', 'driftgate_owner')) AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

-- Each role enters its own database only.
REVOKE ALL ON DATABASE airflow, mlflow, driftgate FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE driftgate TO driftgate_app, driftgate_reader;
ALTER ROLE driftgate_reader IN DATABASE driftgate SET search_path = driftgate;

\connect driftgate
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS driftgate AUTHORIZATION driftgate_owner;
GRANT USAGE ON SCHEMA driftgate TO driftgate_app, driftgate_reader;
-- What the migrations create later, as driftgate_owner, is opened to the two other roles by itself.
ALTER DEFAULT PRIVILEGES FOR ROLE driftgate_owner IN SCHEMA driftgate
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO driftgate_app;
ALTER DEFAULT PRIVILEGES FOR ROLE driftgate_owner IN SCHEMA driftgate GRANT USAGE, SELECT ON SEQUENCES TO driftgate_app;
ALTER DEFAULT PRIVILEGES FOR ROLE driftgate_owner IN SCHEMA driftgate GRANT SELECT ON TABLES TO driftgate_reader;
-- The same for what is already there (second run).
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA driftgate TO driftgate_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA driftgate TO driftgate_app;
GRANT SELECT ON ALL TABLES IN SCHEMA driftgate TO driftgate_reader;
