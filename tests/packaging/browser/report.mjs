// Reports the result of a page to its server.
import { run } from '../run.mjs';

/** Runs `first` and the conformance tests, and sends the result. */
export async function report(api, how, first = async () => {}) {
  let said;
  try {
    // A page without permission to compile WebAssembly must get this error.
    const wanted = new URL(location.href).searchParams.get('expect');
    if (wanted === null) {
      await first();
      said = { said: await run(api, how) };
    } else {
      api.hashIp('::1');
      said = { error: `worked where ${wanted} was expected` };
    }
  } catch (error) {
    said = { error: error.stack ?? String(error), code: error.code };
  }
  await fetch('/said', { method: 'POST', body: JSON.stringify(said) });
}
