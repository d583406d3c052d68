// screenshots.mjs URL FOLDER: the pictures of docs/dashboard.md, of a dashboard that has been looked at for a while.
import { writeFileSync } from 'fs';
import { evaluate, finish, open, prefer, tell, test, until } from '../harness/browser.mjs';

const [url, folder] = process.argv.slice(2);

async function shoot(name, width, height, deviceScaleFactor, mobile = false) {
  await tell('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor, mobile });
  const { data } = await tell('Page.captureScreenshot', { format: 'png' });
  writeFileSync(`${folder}/${name}.png`, Buffer.from(data, 'base64'));
}

await test('screenshots', async () => {
  await tell('Emulation.setDeviceMetricsOverride', { width: 1200, height: 900, deviceScaleFactor: 1, mobile: false });
  await tell('Emulation.setScrollbarsHidden', { hidden: true });
  await open(url);
  await until(`(seen.get('lag of 0')?.length ?? 0) >= ${process.env.AEON_SAMPLES ?? 120}`);
  await prefer('light');
  await shoot('dashboard-light', 1200, 1180, 1);
  await prefer('dark');
  await shoot('dashboard-dark', 1200, 1180, 1);
  await prefer('light');
  await shoot('dashboard-phone', 375, 812, 2, true);
});
finish();
