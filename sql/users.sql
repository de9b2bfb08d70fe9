-- Accounts. IF NOT EXISTS, because the table may be there already: sql/adopt.sql has then made it the
-- extension's, and PostgreSQL lets nobody else's table pass in an extension's script.
CREATE TABLE IF NOT EXISTS vetassist_users (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    va_icn            varchar(50) UNIQUE,
    va_veteran_status varchar(20),
    email             varchar(255),
    first_name        varchar(100),
    last_name         varchar(100),
    is_active         boolean DEFAULT true,
    created_at        timestamptz DEFAULT now(),
    updated_at        timestamptz DEFAULT now(),
    last_login_at     timestamptz
);

COMMENT ON TABLE vetassist_users IS 'VetAssist user accounts linked to VA identity';
