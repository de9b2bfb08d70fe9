// A table of a service that uses drizzle.

import { integer, pgSchema } from 'drizzle-orm/pg-core';

export const app = pgSchema('app');
export const notes = app.table('notes', { id: integer().primaryKey() });
