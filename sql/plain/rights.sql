-- Rights of the plain installation.
--
-- requires: plain/audit_guard.sql tables/keyed_ip_hashes.sql

-- Nobody but the owner, whatever this database grants by default. A backend that seals by itself needs
-- SELECT, INSERT, UPDATE and DELETE on the first three tables, SELECT and INSERT on the other two, and
-- USAGE on the sequence.
REVOKE ALL ON vetassist_users, vetassist_va_tokens, vetassist_sessions, vetassist_auth_audit, vetassist_keyed_ip_hashes
    FROM PUBLIC;
REVOKE ALL ON SEQUENCE vetassist_auth_audit_id_seq FROM PUBLIC;
REVOKE ALL ON FUNCTION vetassist_audit_guard() FROM PUBLIC;
