-- Accounts. IF NOT EXISTS, because sql/adopt.sql may have made an existing table ours; PostgreSQL
-- lets nobody else's table pass here.
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
