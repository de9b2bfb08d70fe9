// Events that the service logs.

import { checkEventData, checkEventType } from '#metadata';
import { text, uuid } from './statement.js';

export function events({ one, end }) {
  return {
    async logEvent(type, { userId, data, ip } = {}) {
      checkEventType(type);
      if (data !== undefined) checkEventData(data);
      const args = {
        event_type: text(type),
        user_id: uuid(userId),
        event_data: data === undefined ? undefined : end.metadata(data),
        ...end.address(ip, 'logEvent'),
      };
      // The id is text, because it may exceed the integers of a JavaScript number.
      return one('logEvent', `vetassist_log_event${end.twin}`, args, { result: 'pg_catalog.to_jsonb(r::text)' });
    },
  };
}
