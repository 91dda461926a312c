/**
 * Which modules of Linux, and which services of Windows, make a disk on a bus visible. Sources: drivers/ata, block, ide, message/fusion, nvme, scsi,
 * usb, virtio of Linux and their Kconfig; for Windows the INF files of its own drivers and of those that hypervisors' makers ship.
 */
import type { DriverBus } from '../../contract/drivers.contract.ts';

export interface LinuxDriver {
  /** one of these sets has to be there whole; names with underscores, as lsmod tells them */
  readonly sets: readonly (readonly string[])[];
}

/** Disks of SCSI, and of what speaks it: SATA, USB. */
const DISK = 'sd_mod';

export const LINUX_DRIVERS: Readonly<Record<DriverBus, LinuxDriver>> = {
  virtio: { sets: [['virtio_blk', 'virtio_pci']] },
  scsi: { sets: [['virtio_scsi', 'virtio_pci', DISK]] },
  sata: { sets: [['ahci', DISK]] },
  // the old subsystem has drivers of its own, and disks of its own
  ide: {
    sets: [
      ['ata_piix', DISK],
      ['ata_generic', DISK],
      ['piix', 'ide_disk'],
      ['piix', 'ide_gd_mod'],
      ['ide_generic', 'ide_disk'],
    ],
  },
  nvme: { sets: [['nvme', 'nvme_core'], ['nvme']] },
  usb: {
    sets: ['xhci_pci', 'xhci_hcd', 'ehci_pci', 'ehci_hcd'].flatMap((host) => [
      ['usb_storage', host, DISK],
      ['uas', host, DISK],
    ]),
  },
  mmc: {
    sets: [
      ['mmc_block', 'sdhci_pci'],
      ['mmc_block', 'sdhci_acpi'],
    ],
  },
  pvscsi: { sets: [['vmw_pvscsi', DISK]] },
  lsilogic: { sets: [['mptspi', DISK]] },
  lsisas: { sets: [['mptsas', DISK]] },
  lsi53c8xx: { sets: [['sym53c8xx', DISK]] },
  megasas: { sets: [['megaraid_sas', DISK]] },
  mpt3sas: {
    sets: [
      ['mpt3sas', DISK],
      ['mpt2sas', DISK],
    ],
  },
  xen: { sets: [['xen_blkfront']] },
  hyperv: {
    sets: [
      ['hv_storvsc', 'hv_vmbus', DISK],
      ['storvsc', 'hv_vmbus', DISK],
    ],
  },
};

/** Which module an option of a kernel's configuration builds in, where there is no list of what is built in. */
export const OPTION_OF: Readonly<Record<string, string>> = {
  virtio_blk: 'VIRTIO_BLK',
  virtio_pci: 'VIRTIO_PCI',
  virtio_scsi: 'SCSI_VIRTIO',
  sd_mod: 'BLK_DEV_SD',
  ahci: 'SATA_AHCI',
  ata_piix: 'ATA_PIIX',
  ata_generic: 'ATA_GENERIC',
  piix: 'BLK_DEV_PIIX',
  ide_disk: 'BLK_DEV_IDEDISK',
  ide_gd_mod: 'IDE_GD',
  ide_generic: 'IDE_GENERIC',
  nvme: 'BLK_DEV_NVME',
  nvme_core: 'NVME_CORE',
  usb_storage: 'USB_STORAGE',
  uas: 'USB_UAS',
  xhci_pci: 'USB_XHCI_PCI',
  xhci_hcd: 'USB_XHCI_HCD',
  ehci_pci: 'USB_EHCI_PCI',
  ehci_hcd: 'USB_EHCI_HCD',
  mmc_block: 'MMC_BLOCK',
  sdhci_pci: 'MMC_SDHCI_PCI',
  sdhci_acpi: 'MMC_SDHCI_ACPI',
  vmw_pvscsi: 'VMWARE_PVSCSI',
  mptspi: 'FUSION_SPI',
  mptsas: 'FUSION_SAS',
  sym53c8xx: 'SCSI_SYM53C8XX_2',
  megaraid_sas: 'MEGARAID_SAS',
  mpt3sas: 'SCSI_MPT3SAS',
  mpt2sas: 'SCSI_MPT2SAS',
  xen_blkfront: 'XEN_BLKDEV_FRONTEND',
  hv_storvsc: 'HYPERV_STORAGE',
  hv_vmbus: 'HYPERV',
};

/** Services of Windows, in lower case. One that starts at boot is enough. */
export const WINDOWS_DRIVERS: Readonly<Record<DriverBus, readonly string[]>> = {
  virtio: ['viostor'],
  scsi: ['vioscsi'],
  sata: ['storahci', 'msahci', 'iastorv', 'iastor', 'iastora', 'iastorac', 'amdsata', 'amd_sata'],
  ide: ['intelide', 'pciide', 'atapi'],
  nvme: ['stornvme'],
  usb: ['usbstor', 'uaspstor'],
  mmc: ['sdstor', 'sffp_sd'],
  pvscsi: ['pvscsi'],
  lsilogic: ['lsi_scsi', 'symmpi'],
  lsisas: ['lsi_sas'],
  lsi53c8xx: ['sym_u3', 'sym_hi'],
  megasas: ['megasas', 'megasas2i', 'megasas35i'],
  mpt3sas: ['lsi_sas2', 'lsi_sas2i', 'lsi_sas3', 'lsi_sas3i'],
  xen: ['xenvbd', 'xenvbdfilter'],
  hyperv: ['storvsc'],
};
