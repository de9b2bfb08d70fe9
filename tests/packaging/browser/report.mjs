// What a page says of its run, to the server it came from.
import { run } from '../run.mjs';

/** Runs the conformance tests, and something first, and sends what came of it. */
export async function report(api, how, first = async () => {}) {
  let said;
  try {
    // A page without permission to compile WebAssembly is to be told so.
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
