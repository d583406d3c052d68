// screenshots.mjs URL FOLDER: the pictures of docs/dashboard.md, of a dashboard that has been looked at for two minutes.
import { writeFileSync } from 'fs';
import { evaluate, finish, open, prefer, tell, test, until } from '../harness/browser.mjs';

const [url, folder] = process.argv.slice(2);

async function shoot(name, from, height) {
  const { data } = await tell('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true, clip: { x: 0, y: from, width: await evaluate('innerWidth'), height, scale: 1 } });
  writeFileSync(`${folder}/${name}.png`, Buffer.from(data, 'base64'));
}

const view = (width, height, deviceScaleFactor, mobile) => tell('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor, mobile });
const bottomOf = (selector) => evaluate(`document.querySelector('${selector}').getBoundingClientRect().bottom + scrollY`);

await test('screenshots', async () => {
  await view(1200, 900, 1, false);
  await tell('Emulation.setScrollbarsHidden', { hidden: true });
  await open(url);
  await until(`(seen.get('lag of 0')?.length ?? 0) >= KEPT`);
  await prefer('light');
  await shoot('dashboard-light', 0, (await bottomOf('#routes')) + 20);
  await evaluate(`document.querySelector('#tasks details').open = true`);
  await until(`document.querySelectorAll('#tasks tbody tr').length`);
  await prefer('dark');
  const from = await bottomOf('#routes');
  await shoot('dashboard-dark', from, (await bottomOf('#tasks tr:nth-child(9)')) - from);
  await view(375, 760, 2, true);
  await prefer('light');
  await shoot('dashboard-phone', 0, 760);
});
finish();
