/** Pages as people find them who do not see, or do not use a mouse. */
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** No serious fault by the rules of axe, and headings in their order: who does not see goes by them. @param where named in what is found */
export async function judge(page: Page, where: string) {
  // what is still fading in has no contrast yet
  await page.evaluate(async () => {
    const ending = document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Infinity);
    await Promise.all(ending.map((one) => one.finished.catch(() => {})));
  });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter(
    ({ id, impact }) => impact === 'serious' || impact === 'critical' || id === 'heading-order',
  );
  expect(grave.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => node.html).join(' | ')}`)).toEqual([]);
}
