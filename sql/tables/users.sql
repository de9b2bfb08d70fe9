-- Accounts.
--
-- unless present: vetassist_users

CREATE TABLE @extschema@.vetassist_users (
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

COMMENT ON TABLE @extschema@.vetassist_users IS 'VetAssist user accounts linked to VA identity';
